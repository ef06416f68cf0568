//! The pages in which the system hands memory out.

/// Has the system hand memory out in its smallest pages. To be called first thing in a program.
///
/// Our allocator asks for pages of 2 MiB, each of which the system clears whole before its first use. A program that
/// reads a file and is done uses little of many of them: the clearing took up to a third of the time of a job over
/// thousands of small files, and a fifth of the memory held nothing. Joins and sorts are as fast with small pages.
/// (Linux, `PR_SET_THP_DISABLE(2const)`; elsewhere this does nothing.)
pub fn keep_small() {
    #[cfg(target_os = "linux")]
    linux::keep_small();
}

#[cfg(target_os = "linux")]
mod linux {
    /// prctl's arguments are `unsigned long`s.
    const ON: libc::c_ulong = 1;
    const UNUSED: libc::c_ulong = 0;

    #[expect(
        unsafe_code,
        reason = "the standard library has no such call, and crates that do would have all others built anew"
    )]
    pub(super) fn keep_small() {
        // SAFETY: with this option the call reads its integers, touches no memory of ours, and sets a flag of the process.
        let done = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, ON, UNUSED, UNUSED, UNUSED) };
        if done != 0 {
            let error = std::io::Error::last_os_error();
            tracing::debug!("memory comes in large pages: {error}");
        }
    }

    #[cfg(test)]
    #[test]
    fn the_system_says_so() {
        keep_small();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let enabled = status.lines().find(|line| line.starts_with("THP_enabled"));
        assert_eq!(
            enabled.and_then(|line| line.split_whitespace().last()),
            Some("0")
        );
    }
}
