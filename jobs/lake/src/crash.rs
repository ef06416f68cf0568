//! The places at which a test can stop a commit, as a crash would.
//!
//! A commit is only right if a process can die between any two of its steps. Tests give a [`CrashPoint`] to a
//! [`Table`](crate::Table); programs never do.

/// A step of the commit at which a test stops.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// Everything is checked; the log entry is not written.
    BeforeEntry,
    /// The log entry is there; nothing else has happened.
    AfterEntry,
    /// That many files have got their final names.
    AfterCompleting(usize),
    /// All files have their final names; the manifest is the old one.
    BeforeManifest,
    /// The manifest is the new one; nothing is deleted.
    AfterManifest,
    /// That many removed files are deleted.
    AfterDeleting(usize),
    /// All is done but for the mark that says so.
    BeforeSettled,
}
