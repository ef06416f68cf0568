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
/// A task is given two thirds of what each slot of the cluster would have of the rest of the wave: tasks become smaller
/// towards the wave's end, so that all slots end at about the same time, be some of them slower by a third. (With half
/// instead of two thirds, some might be slower by half; but there would be a third more tasks, and each costs a slot some
/// milliseconds between two.)
pub const SHARE_OF_REST: (u64, u64) = (2, 3);
/// No task is given less than this part of its wave, divided by the slots.
pub const SHARE_OF_WAVE_MIN: u64 = 16;

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
    let mut cutter = Cutter::new(files, options);
    for file in files {
        let mut start = 0;
        loop {
            let end = cutter.split_end(file, start);
            if cutter.is_pack_full(end - start) {
                cutter.next_pack(end - start);
                continue; // which may be for another number of bytes
            }
            cutter.add(file, start, end);
            start = end;
            if end >= file.size {
                break;
            }
        }
    }
    cutter.waves.push(cutter.wave);
    cutter.waves.retain(|wave| !wave.is_empty());
    cutter.waves
}

/// Splits that are dealt out to packs and waves. A split costs its bytes, and [`OPEN_COST_BYTES`].
struct Cutter {
    options: CutOptions,
    waves: Vec<Vec<SplitSpec>>,
    wave: Vec<SplitSpec>,
    /// What a wave costs, if there is enough to fill one.
    wave_cost_max: u64,
    /// What has not been dealt out yet.
    rest_cost: u64,
    /// Of the wave that is being filled.
    wave_bytes: u64,
    wave_cost: u64,
    /// The pack that is being filled.
    pack: u32,
    pack_cost: u64,
    pack_cost_max: u64,
}

impl Cutter {
    fn new(files: &[InputFile], options: CutOptions) -> Self {
        let bytes: u64 = files.iter().map(|f| f.size).sum();
        let opening = OPEN_COST_BYTES.saturating_mul(files.len() as u64);
        let rest_cost = bytes.saturating_add(opening);
        let part = u128::from(bytes.min(options.wave_bytes));
        let of_wave = u128::from(rest_cost) * part / u128::from(bytes.max(1));
        let mut cutter = Cutter {
            options,
            waves: Vec::new(),
            wave: Vec::new(),
            wave_cost_max: u64::try_from(of_wave).unwrap_or(u64::MAX),
            rest_cost,
            wave_bytes: 0,
            wave_cost: 0,
            pack: 0,
            pack_cost: 0,
            pack_cost_max: 0,
        };
        cutter.pack_cost_max = cutter.share();
        cutter
    }

    /// What the next pack may cost.
    fn share(&self) -> u64 {
        if let Some(bytes) = self.options.split_bytes {
            return bytes.max(1).saturating_add(OPEN_COST_BYTES);
        }
        let slots = self.options.slots.max(1);
        let rest = self.wave_cost_max.saturating_sub(self.wave_cost);
        let rest = rest.min(self.rest_cost);
        let least = self.wave_cost_max.div_ceil(slots * SHARE_OF_WAVE_MIN);
        let (numerator, denominator) = SHARE_OF_REST;
        let share = rest.saturating_mul(numerator) / (slots * denominator);
        let bytes = share.max(least);
        bytes.clamp(SPLIT_BYTES_MIN, SPLIT_BYTES_MAX) + OPEN_COST_BYTES
    }

    /// Where the split that begins at `start` ends: what is left of the file is cut into equal parts, of which each
    /// would fit into a pack of its own.
    fn split_end(&self, file: &InputFile, start: u64) -> u64 {
        let rest = file.size - start;
        if why_one_task(file).is_some() {
            return file.size;
        }
        let parts = rest.div_ceil(self.pack_cost_max - OPEN_COST_BYTES).max(1);
        start + rest / parts
    }

    /// Whether a split of so many bytes is too much for the pack.
    fn is_pack_full(&self, bytes: u64) -> bool {
        self.pack_cost > 0 && self.pack_cost + bytes + OPEN_COST_BYTES > self.pack_cost_max
    }

    /// Begins another pack, for a split of so many bytes, and another wave if the wave is full.
    fn next_pack(&mut self, bytes: u64) {
        self.pack += 1;
        self.pack_cost = 0;
        let wave_bytes_max = self.options.wave_bytes;
        if self.wave_bytes + bytes > wave_bytes_max || self.wave.len() >= WAVE_SPLITS_MAX {
            self.waves.push(std::mem::take(&mut self.wave));
            (self.wave_bytes, self.wave_cost, self.pack) = (0, 0, 0);
        }
        self.pack_cost_max = self.share();
    }

    fn add(&mut self, file: &InputFile, start: u64, end: u64) {
        self.wave.push(SplitSpec {
            id: i32::try_from(self.wave.len()).unwrap_or(i32::MAX),
            path: file.path.clone(),
            file_size: file.size,
            start,
            end,
            known_start: None,
            pack: self.pack,
            member: file.member.clone(),
            content: file.content(),
        });
        let bytes = end - start;
        let cost = bytes + OPEN_COST_BYTES;
        self.pack_cost += cost;
        self.wave_cost += cost;
        self.wave_bytes += bytes;
        let files = if end == file.size { OPEN_COST_BYTES } else { 0 };
        self.rest_cost = self.rest_cost.saturating_sub(bytes + files);
    }
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
            guessed: false,
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

    /// What each pack of a wave costs.
    fn costs(wave: &[SplitSpec]) -> Vec<u64> {
        let mut costs = vec![0; wave.last().unwrap().pack as usize + 1];
        for split in wave {
            costs[split.pack as usize] += split.bytes() + OPEN_COST_BYTES;
        }
        costs
    }

    #[test]
    fn one_big_file_makes_several_tasks_for_each_slot_and_the_last_are_small() {
        let waves = cut(
            &[file("a.xml", 2500 * MB)],
            CutOptions {
                split_bytes: None,
                wave_bytes: 1000 * MB,
                slots: 2,
            },
        );
        assert_eq!(waves.len(), 3);
        for wave in &waves[..2] {
            let costs = costs(wave);
            assert!((8..=11).contains(&costs.len()), "{costs:?}");
            assert!(costs[0] > 300 * MB && costs[0] < 340 * MB, "{costs:?}");
            assert!(costs[costs.len() - 1] < 40 * MB, "{costs:?}");
        }
        let last = costs(&waves[2]);
        assert!(last[0] > 150 * MB && last[0] < 200 * MB, "{last:?}");
        assert!(last[last.len() - 1] < 40 * MB, "{last:?}");
    }

    /// Slots take the tasks in their order, each the next one when it has ended the one before, at its own speed: none
    /// waits for the others for longer than the last of the tasks takes.
    #[test]
    fn slots_of_all_speeds_end_at_about_the_same_time() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..200 {
            let slots = random.u64(1..9);
            let bytes = random.u64(500..5000) * MB;
            let pages = random.bool();
            let files: Vec<_> = if pages {
                let sizes = (0..bytes / (150 << 10)).map(|_| random.u64(100 << 10..200 << 10));
                let sizes: Vec<_> = sizes.collect();
                let files = sizes.iter().zip(0..);
                files
                    .map(|(size, i)| file(&format!("{i:06}.xml"), *size))
                    .collect()
            } else {
                vec![file("a.xml", bytes)]
            };
            let options = CutOptions {
                split_bytes: None,
                wave_bytes: 8192 * MB,
                slots,
            };
            let costs = costs(&cut(&files, options)[0]);
            let speeds: Vec<f64> = (0..slots).map(|_| 1.0 + random.f64()).collect();
            let mut ends = vec![0.0_f64; slots as usize];
            for cost in &costs {
                let next = (0..ends.len()).min_by(|a, b| ends[*a].total_cmp(&ends[*b]));
                let next = next.unwrap();
                ends[next] += *cost as f64 / speeds[next];
            }
            let last = ends.iter().copied().fold(0.0, f64::max);
            let idle: f64 = ends.iter().map(|end| last - end).sum::<f64>() / slots as f64;
            assert!(
                idle < last / 16.0,
                "{slots} slots: {idle} of {last}: {costs:?}"
            );
        }
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
        assert!((8..=11).contains(&tasks), "{tasks} tasks");
    }

    /// A task costs some milliseconds, which thousands of them would add up to seconds.
    #[test]
    fn tiny_files_make_no_more_tasks_than_large_ones() {
        let files: Vec<_> = (0..15_000)
            .map(|i| file(&format!("{i:05}.json"), 300))
            .collect();
        for (wave_bytes, waves) in [(8192 * MB, 1), (3 * MB, 2)] {
            let options = CutOptions {
                split_bytes: None,
                wave_bytes,
                slots: 2,
            };
            let cut = cut(&files, options);
            assert_eq!(cut.len(), waves);
            for wave in &cut {
                let tasks = wave.last().unwrap().pack + 1;
                assert!((5..=11).contains(&tasks), "{tasks} tasks");
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
