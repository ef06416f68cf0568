//! Memory that is given back and soon wanted again.
//!
//! A task takes some hundred megabytes in all, and gives them back as it ends; the next one takes as much. The
//! allocator hands such memory to the system after a moment, which clears each page before it is used again: a tenth
//! of the processor's time, measured over a file of 1 GB. So it is told to wait. It reads its settings before `main`
//! begins, from the environment alone, so the program replaces itself once with that variable set.

use std::ffi::OsStr;

/// The allocator's variable: milliseconds until memory that is given back goes to the system.
const DELAY_VARIABLE: &str = "MIMALLOC_PURGE_DELAY";
/// Longer than there is between two tasks of a busy executor; an idle one gives its memory back after it.
const PURGE_DELAY_MS: &str = "10000";

/// Starts the program anew, as the same process with the same arguments, with the delay set. Does nothing if it is set
/// already, as it is then and in child processes, or if the program cannot be started anew.
pub fn keep_for_reuse() {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;
        if std::env::var_os(DELAY_VARIABLE).is_some() {
            return;
        }
        let mut arguments = std::env::args_os();
        let name = arguments.next();
        // Its own path, so that lists of processes show its name.
        let Ok(program) = std::env::current_exe() else {
            return;
        };
        let mut anew = std::process::Command::new(program);
        anew.arg0(name.as_deref().unwrap_or(OsStr::new("headworks")))
            .args(arguments)
            .env(DELAY_VARIABLE, PURGE_DELAY_MS);
        // It comes back only if that failed; then the program goes on as it is.
        let _ = anew.exec();
    }
}
