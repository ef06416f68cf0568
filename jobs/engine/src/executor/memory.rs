//! How much memory the tasks of an executor may hold, unless somebody says: their cores' share of half the machine's.
//!
//! Sorts and joins that fit are several times faster than those that spill. The other half is for what the pool does
//! not count: readers and writers (bounded by their own limits), shuffles on their way, and the system's page cache.

use std::fs;

/// What there is for each core where the machine does not say what it has, and at least, in bytes.
const BYTES_PER_CORE_MIN: u64 = 256 * 1024 * 1024;

/// The memory in bytes for so many cores of this machine.
pub(super) fn for_cores(cores: usize) -> usize {
    let of_machine = std::thread::available_parallelism().map_or(1, usize::from);
    share(cores, of_machine, total())
}

/// `total`: what the machine has in bytes, if that is known.
fn share(cores: usize, of_machine: usize, total: Option<u64>) -> usize {
    let cores = cores.max(1) as u64;
    let of_machine = (of_machine as u64).max(cores);
    let half = total.unwrap_or(0) / 2;
    let share = half / of_machine * cores;
    let bytes = share.max(cores * BYTES_PER_CORE_MIN);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// What this process may use of the machine's memory, in bytes: all of it, or what its control group allows (Linux,
/// `proc_meminfo(5)` and the kernel's `cgroup-v2`).
fn total() -> Option<u64> {
    let machine = meminfo(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max");
    let allowed = group.ok().and_then(|text| text.trim().parse().ok());
    Some(machine.min(allowed.unwrap_or(u64::MAX)))
}

fn meminfo(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1024 * 1024 * 1024;

    #[test]
    fn cores_share_half_of_the_machine() {
        assert_eq!(share(2, 2, Some(24 * GIB)) as u64, 12 * GIB);
        assert_eq!(share(1, 2, Some(24 * GIB)) as u64, 6 * GIB);
        // More cores than there are share half of the machine too, and no more.
        assert_eq!(share(8, 2, Some(24 * GIB)) as u64, 12 * GIB);
        assert_eq!(share(4, 4, Some(GIB)) as u64, 4 * BYTES_PER_CORE_MIN);
        assert_eq!(share(3, 4, None) as u64, 3 * BYTES_PER_CORE_MIN);
    }

    #[test]
    fn the_machine_says_what_it_has() {
        assert_eq!(
            meminfo("MemTotal:       24000 kB\nMemFree: 1 kB\n"),
            Some(24_000 * 1024)
        );
        assert_eq!(meminfo("MemFree: 1 kB\n"), None);
    }
}
