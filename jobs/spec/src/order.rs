//! The order in which models run: each after those it reads, else as in the job file.

/// The order, as indices, for models that read others by index; or one cycle, its first model named again at its end.
pub(crate) fn order(reads: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut ordered: Vec<usize> = Vec::with_capacity(reads.len());
    while ordered.len() < reads.len() {
        let waiting = |model: &usize| !ordered.contains(model);
        let ready = |model: &usize| !reads[*model].iter().any(waiting);
        match (0..reads.len()).filter(waiting).find(ready) {
            Some(model) => ordered.push(model),
            None => return Err(cycle(reads, &ordered)),
        }
    }
    Ok(ordered)
}

/// From any model that waits, going to one that it waits for, and so on, some model must come again.
fn cycle(reads: &[Vec<usize>], ordered: &[usize]) -> Vec<usize> {
    let waiting = |model: &usize| !ordered.contains(model);
    let mut path = Vec::new();
    let mut next = (0..reads.len()).find(waiting);
    while let Some(model) = next {
        if let Some(start) = path.iter().position(|earlier| *earlier == model) {
            path.drain(..start);
            // Told from the model that stands first in the job file.
            let first = (0..path.len()).min_by_key(|at| path[*at]).unwrap_or(0);
            path.rotate_left(first);
            path.push(path[0]);
            return path;
        }
        path.push(model);
        next = reads[model].iter().copied().find(waiting);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_run_after_those_they_read_else_in_file_order() {
        for (reads, expected) in [
            (vec![], Ok(vec![])),
            (vec![vec![], vec![], vec![]], Ok(vec![0, 1, 2])),
            (vec![vec![2], vec![], vec![1]], Ok(vec![1, 2, 0])),
            (
                vec![vec![1, 2], vec![3], vec![3], vec![]],
                Ok(vec![3, 1, 2, 0]),
            ),
            (vec![vec![0]], Err(vec![0, 0])),
            (
                vec![vec![], vec![3], vec![1], vec![2, 0]],
                Err(vec![1, 3, 2, 1]),
            ),
            (vec![vec![2], vec![2], vec![1]], Err(vec![1, 2, 1])),
        ] {
            assert_eq!(order(&reads), expected, "{reads:?}");
        }
    }
}
