//! Cuts a source's files into splits, splits into packs (one a task), and
//! packs into waves of bounded bytes. Pure arithmetic over sizes.

use crate::split::{InputFile, SplitSpec, why_one_task};

/// No split is smaller than this (bytes), unless its file is: a task costs
/// some milliseconds, and the reader looks a little past a split's end.
pub const SPLIT_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// No split is larger than this (bytes) by default, so that a lost task
/// repeats little.
pub const SPLIT_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// What opening a file costs, in bytes of reading: packs of many small files
/// are no slower than packs of few large ones.
pub const OPEN_COST_BYTES: u64 = 64 * 1024;
/// Tasks of a wave for each slot of the cluster, if there is enough to read:
/// several, so that the last ones to end keep few slots idle.
pub const TASKS_PER_SLOT: u64 = 4;

/// A wave holds no more splits than these and one pack: each makes a report, which is held until the wave is judged.
pub const WAVE_SPLITS_MAX: usize = 100_000;

/// Sizes that [`cut`] works with.
#[derive(Debug, Clone, Copy)]
pub struct CutOptions {
    /// Bytes of a split, if set by the user.
    pub split_bytes: Option<u64>,
    /// A wave holds at most these bytes, though at least one pack.
    pub wave_bytes: u64,
    /// Slots of the cluster.
    pub slots: u64,
}

/// The waves of a source: each a list of splits in the order of path and
/// offset, with ids and pack numbers that count from 0 in each wave.
#[must_use]
pub fn cut(files: &[InputFile], options: CutOptions) -> Vec<Vec<SplitSpec>> {
    let target = options.split_bytes.unwrap_or_else(|| {
        let bytes = files.iter().map(|f| f.size.max(1)).sum();
        share(bytes, bytes, options)
    });
    let target = target.max(1);
    let pack_target = match options.split_bytes {
        Some(size) => size.saturating_add(OPEN_COST_BYTES),
        None => pack_target(files, options).max(target + OPEN_COST_BYTES),
    };

    let mut waves: Vec<Vec<SplitSpec>> = Vec::new();
    let mut wave: Vec<SplitSpec> = Vec::new();
    let (mut wave_bytes, mut pack, mut pack_cost) = (0u64, 0u32, 0u64);
    for (start, end, file) in ranges(files, target) {
        let bytes = end - start;
        let cost = bytes + OPEN_COST_BYTES;
        if pack_cost > 0 && pack_cost + cost > pack_target {
            pack += 1;
            pack_cost = 0;
            if wave_bytes + bytes > options.wave_bytes || wave.len() >= WAVE_SPLITS_MAX {
                waves.push(std::mem::take(&mut wave));
                wave_bytes = 0;
                pack = 0;
            }
        }
        wave.push(SplitSpec {
            id: i32::try_from(wave.len()).unwrap_or(i32::MAX),
            path: file.path.clone(),
            file_size: file.size,
            start,
            end,
            known_start: None,
            pack,
            member: file.member.clone(),
        });
        pack_cost += cost;
        wave_bytes += bytes;
    }
    if !wave.is_empty() {
        waves.push(wave);
    }
    waves
}

/// A task's share of `cost`, of which a wave has the part that its bytes are of all `bytes`.
fn share(cost: u64, bytes: u64, options: CutOptions) -> u64 {
    let tasks = (options.slots.max(1) * TASKS_PER_SLOT).max(1);
    let (whole, part) = (bytes.max(1), bytes.min(options.wave_bytes));
    let of_wave = u128::from(cost) * u128::from(part) / u128::from(whole);
    let of_wave = u64::try_from(of_wave).unwrap_or(u64::MAX);
    of_wave
        .div_ceil(tasks)
        .clamp(SPLIT_BYTES_MIN, SPLIT_BYTES_MAX)
}

/// What a pack may cost: of thousands of files that hold next to nothing, opening them is all that a task does.
fn pack_target(files: &[InputFile], options: CutOptions) -> u64 {
    let bytes: u64 = files.iter().map(|f| f.size).sum();
    let opening = OPEN_COST_BYTES.saturating_mul(files.len() as u64);
    share(bytes.saturating_add(opening), bytes, options)
}

/// Byte ranges of about equal size, at most `target` bytes each; a file that
/// cannot be split is one range, an empty one too (it is listed, and counted).
fn ranges(files: &[InputFile], target: u64) -> impl Iterator<Item = (u64, u64, &InputFile)> {
    files.iter().flat_map(move |file| {
        let parts = if why_one_task(file).is_some() {
            1
        } else {
            file.size.div_ceil(target).max(1)
        };
        (0..parts).map(move |i| {
            let at = |i: u64| {
                u64::try_from(u128::from(file.size) * u128::from(i) / u128::from(parts))
                    .unwrap_or(file.size)
            };
            (at(i), at(i + 1), file)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Member, Method};

    fn file(path: &str, size: u64) -> InputFile {
        InputFile {
            path: path.into(),
            size,
            modified_ms: 0,
            etag: None,
            member: None,
            whole: false,
        }
    }

    const MB: u64 = 1024 * 1024;

    /// Whatever the sizes: each byte in one range, in order; ids and packs count up.
    #[test]
    fn every_byte_once() {
        let mut seed = 1u64;
        let mut next = |n: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        for _ in 0..200 {
            let files: Vec<_> = (0..next(20))
                .map(|i| file(&format!("{i:03}.xml"), next(40 * MB)))
                .collect();
            let options = CutOptions {
                split_bytes: if next(2) == 0 {
                    None
                } else {
                    Some(1 + next(9 * MB))
                },
                wave_bytes: 1 + next(60 * MB),
                slots: next(9),
            };
            let waves = cut(&files, options);
            let all: Vec<_> = waves.iter().flatten().collect();
            for f in &files {
                let mut at = 0;
                for s in all.iter().filter(|s| s.path == f.path) {
                    assert_eq!(s.start, at);
                    at = s.end;
                }
                assert_eq!(at, f.size);
                assert!(
                    all.iter().any(|s| s.path == f.path),
                    "an empty file is listed too"
                );
            }
            for wave in &waves {
                assert!(wave.iter().enumerate().all(|(i, s)| s.id as usize == i));
                assert!(
                    wave.windows(2)
                        .all(|w| w[1].pack == w[0].pack || w[1].pack == w[0].pack + 1)
                );
                assert_eq!(wave[0].pack, 0);
            }
        }
    }

    #[test]
    fn one_big_file_makes_several_tasks_for_each_slot() {
        let waves = cut(
            &[file("a.xml", 1000 * MB)],
            CutOptions {
                split_bytes: None,
                wave_bytes: 8192 * MB,
                slots: 2,
            },
        );
        assert_eq!(waves.len(), 1);
        assert_eq!(waves[0].iter().map(|s| s.pack).max(), Some(7));
    }

    #[test]
    fn small_files_are_packed() {
        let files: Vec<_> = (0..4500)
            .map(|i| file(&format!("{i:04}.xml"), 165_000))
            .collect();
        let waves = cut(
            &files,
            CutOptions {
                split_bytes: None,
                wave_bytes: 8192 * MB,
                slots: 2,
            },
        );
        let tasks = waves[0].iter().map(|s| s.pack).max().unwrap() + 1;
        assert!((8..=14).contains(&tasks), "{tasks} tasks");
    }

    /// A task costs some milliseconds, which thousands of them would add up to seconds.
    #[test]
    fn tiny_files_make_no_more_tasks_than_large_ones() {
        let files: Vec<_> = (0..15_000)
            .map(|i| file(&format!("{i:05}.json"), 300))
            .collect();
        for (wave_bytes, waves) in [(8192 * MB, 1), (2 * MB, 2)] {
            let options = CutOptions {
                split_bytes: None,
                wave_bytes,
                slots: 2,
            };
            let cut = cut(&files, options);
            assert_eq!(cut.len(), waves);
            for wave in &cut {
                let tasks = wave.last().unwrap().pack + 1;
                assert!((7..=9).contains(&tasks), "{tasks} tasks");
            }
        }
    }

    #[test]
    fn what_cannot_be_split_is_one_task() {
        let member = Member {
            archive: "a.zip".into(),
            archive_size: 200 * MB,
            header_at: 7,
            plain_size: 900 * MB,
            crc32: 1,
            method: Method::Deflate,
        };
        let mut in_archive = file("a.zip!/a.xml", 100 * MB);
        in_archive.member = Some(member.clone());
        let paths = ["a.xml.gz", "a.xml.ZST", "a.xz", "a.xml.bz2"];
        let mut files: Vec<_> = paths.iter().map(|p| file(p, 100 * MB)).collect();
        files.push(in_archive);
        files.push(InputFile {
            whole: true,
            ..file("utf-16.xml", 100 * MB)
        });
        for file in files {
            assert!(why_one_task(&file).is_some(), "{}", file.path);
            let waves = cut(
                std::slice::from_ref(&file),
                CutOptions {
                    split_bytes: Some(MB),
                    wave_bytes: MB,
                    slots: 2,
                },
            );
            assert_eq!(waves.len(), 1);
            assert_eq!(waves[0].len(), 1);
            assert_eq!(waves[0][0].member, file.member);
        }
        assert_eq!(why_one_task(&file("a.xml", 100 * MB)), None);
    }
}
