//! The order of a conversion's parts: that of the input, so that a file
//! converted twice gives the same rows in the same order.
//!
//! A part's name begins with its wave's id, then the numbers of its stage,
//! attempt and task, then its number within the task; a task reads the later
//! bytes the higher its number. Waves stand in the commit in the order in
//! which they ran.

/// The committed paths in the order of the input.
pub(super) fn reading_order<'a>(committed: &[&'a str]) -> Vec<&'a str> {
    let mut waves: Vec<&str> = Vec::new();
    for path in committed {
        if !waves.contains(&wave(path)) {
            waves.push(wave(path));
        }
    }
    let mut ordered = committed.to_vec();
    ordered.sort_by_cached_key(|path| {
        (
            waves.iter().position(|w| *w == wave(path)),
            numbers(path),
            *path,
        )
    });
    ordered
}

fn wave(path: &str) -> &str {
    path.split('-').next().unwrap_or_default()
}

/// Stage, task, partition and the file's own number, compared as numbers: 10
/// stands after 9. Which attempt won says nothing of the order.
fn numbers(path: &str) -> Vec<u64> {
    let stem = path.split('.').next().unwrap_or_default();
    let parts: Vec<&str> = stem.split('-').skip(1).collect();
    let named = [parts.first(), parts.get(2), parts.get(3), parts.last()];
    named
        .into_iter()
        .flatten()
        .map(|part| part.parse().unwrap_or(u64::MAX))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_in_the_order_of_waves_then_tasks_then_files() {
        let ordered = [
            "ff00-1-1-0-0-aaaa-beef-00000.parquet",
            "ff00-1-0-2-0-aaaa-beef-00000.parquet",
            "ff00-1-0-9-0-0000-beef-00000.parquet",
            "ff00-1-0-10-0-aaaa-beef-00000.parquet",
            "ff00-1-0-10-0-aaaa-beef-00001.parquet",
            "0011-1-0-0-0-aaaa-beef-00000.parquet",
        ];
        let committed = [
            ordered[3], ordered[4], ordered[0], ordered[2], ordered[1], ordered[5],
        ];
        assert_eq!(reading_order(&committed), ordered);
        assert_eq!(
            reading_order(&["x", "a/b.parquet"]),
            ["x", "a/b.parquet"],
            "other names stay as they are"
        );
    }
}
