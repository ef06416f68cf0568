//! Lists the files of a source: globs and plain paths on a local disk or in an
//! object store, and what lies in archives there.

mod objects;

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glob::{MatchOptions, Pattern, PatternError, glob_with};
use object_store::ObjectStoreExt;

use crate::archive::{self, ListError, MEMBER_SEPARATOR};
use crate::error::SourceError;
use crate::local::modified_ms;
use crate::places;
use crate::split::InputFile;

/// A `*` does not cross folders, `**` does; hidden files and folders are left out, as are those whose names begin with
/// `_` ([`is_hidden`]).
pub(crate) const MATCH: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// Characters that make a pattern of a path.
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// The files that match `patterns`, each once, sorted by path.
///
/// A pattern that is a folder stands for all files below it, and an archive for
/// the files in it; `archive.zip!/*.xml` names some of these. A pattern that is
/// a URL (`s3://bucket/prefix/*.xml`) means objects, by the same rules.
///
/// # Errors
/// [`SourceError::Configuration`] for a pattern that is malformed or matches
/// nothing, [`SourceError::Input`] for what cannot be read.
pub async fn discover(source: &str, patterns: &[String]) -> Result<Vec<InputFile>, SourceError> {
    let mut found = BTreeMap::new();
    for pattern in patterns {
        let (outside, inside) = match pattern.split_once(MEMBER_SEPARATOR) {
            Some((outside, inside)) if archive::is_archive(outside) => (outside, Some(inside)),
            _ => (pattern.as_str(), None),
        };
        let members =
            inside.map(|inside| Pattern::new(inside).map_err(|e| malformed(source, pattern, &e)));
        let members = members.transpose()?;
        let files = if headworks_stores::is_url(outside) {
            objects::list(source, outside).await?
        } else {
            let (source, outside) = (source.to_owned(), outside.to_owned());
            let listed = tokio::task::spawn_blocking(move || local_files(&source, &outside));
            listed.await.map_err(|e| SourceError::died(&e))??
        };
        let mut matched = false;
        for file in files {
            if !archive::is_archive(&file.path) {
                matched = true;
                found.insert(file.path.clone(), file);
                continue;
            }
            let name_at = file.path.len() + MEMBER_SEPARATOR.len();
            matched |= members.is_none();
            for member in members_of(file).await? {
                let name = &member.path[name_at..];
                if members.as_ref().is_none_or(|m| m.matches_with(name, MATCH)) {
                    matched = true;
                    found.insert(member.path.clone(), member);
                }
            }
        }
        if !matched {
            return Err(SourceError::Configuration(format!(
                "source `{source}`: no file matches {pattern}; check the path, and that `**` is used where \
                 folders lie between"
            )));
        }
    }
    Ok(found.into_values().collect())
}

/// The files on a local disk that match.
fn local_files(source: &str, pattern: &str) -> Result<Vec<InputFile>, SourceError> {
    let mut paths = Vec::new();
    for path in expand(source, pattern)? {
        let path = path.map_err(|e| SourceError::io(&e.path().to_string_lossy(), e.error()))?;
        let text = path.to_string_lossy().into_owned();
        if !is_hidden(&text, pattern) || text == pattern {
            paths.push((path, text));
        }
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = paths.len().div_ceil(threads).max(PATHS_A_THREAD_MIN);
    let look = |paths: &[(PathBuf, String)]| -> Result<Vec<LocalFile>, SourceError> {
        let files = paths.iter().map(|(path, text)| local_file(path, text));
        files.filter_map(Result::transpose).collect()
    };
    std::thread::scope(|scope| {
        let mut shares = paths.chunks(share);
        let first = shares.next().unwrap_or_default();
        let others: Vec<_> = shares
            .map(|paths| scope.spawn(move || look(paths)))
            .collect();
        let mut files = look(first)?;
        for other in others {
            match other.join() {
                Ok(more) => files.extend(more?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(each_once(files))
    })
}

/// A file, and what tells it from all others of this machine, if it cannot have another name but by a link to it or to a
/// folder around it.
struct LocalFile {
    file: InputFile,
    identity: Option<(u64, u64)>,
}

/// Of a file that links give several names, the shortest one: to read it twice would double its records.
fn each_once(mut files: Vec<LocalFile>) -> Vec<InputFile> {
    let mut seen = HashSet::new();
    let mut is_first =
        |found: &LocalFile| found.identity.is_none_or(|identity| seen.insert(identity));
    if !files.iter().all(&mut is_first) {
        files.sort_by(|a, b| {
            let (a, b) = (&a.file.path, &b.file.path);
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        });
        seen.clear();
        files.retain(|found| found.identity.is_none_or(|identity| seen.insert(identity)));
    }
    files.into_iter().map(|found| found.file).collect()
}

/// To look at fewer paths takes less time than to start a thread for them.
const PATHS_A_THREAD_MIN: usize = 256;

/// What is known of a file before it is opened; `None` of what is no file.
fn local_file(path: &Path, text: &str) -> Result<Option<LocalFile>, SourceError> {
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        // A link to a folder around it, whose files have been found without it.
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Ok(None),
        Err(error) => return Err(SourceError::io(text, &error)),
    };
    if !meta.is_file() {
        return Ok(None);
    }
    let file = InputFile {
        path: text.to_owned(),
        size: meta.len(),
        modified_ms: modified_ms(&meta),
        etag: None,
        member: None,
        whole: false,
        guessed: false,
    };
    let has_one_name = meta.nlink() == 1;
    Ok(Some(LocalFile {
        file,
        identity: has_one_name.then(|| (meta.dev(), meta.ino())),
    }))
}

/// Whether a file is left out: other programs' notes beside data, and the log of a lake, have names that begin with `_`,
/// or stand in folders that do. Not so folders of a partition (`_day=3`), and what the pattern names with its `_`.
pub(crate) fn is_hidden(path: &str, pattern: &str) -> bool {
    let is_note = |name: &str| name.starts_with('_') && !name.contains('=');
    let is_meant = |name: &str| {
        let mut named = pattern.split('/').filter(|part| part.starts_with('_'));
        named.any(|part| {
            part == name || Pattern::new(part).is_ok_and(|part| part.matches_with(name, MATCH))
        })
    };
    path.split('/').any(|name| is_note(name) && !is_meant(name))
}

/// The files in an archive.
async fn members_of(archive: InputFile) -> Result<Vec<InputFile>, SourceError> {
    let listed = tokio::task::spawn_blocking(move || {
        let path = archive.path.as_str();
        let listed = if headworks_stores::is_url(path) {
            let (store, location) = places::open(path)?;
            archive::list(path, archive.size, &mut |from, length| {
                let (store, location) = (Arc::clone(&store), location.clone());
                let range = from..from + length as u64;
                let read = async move { store.get_range(&location, range).await };
                let bytes = headworks_stores::wait(read).map_err(std::io::Error::other)?;
                Ok(bytes.to_vec())
            })
        } else {
            let mut file = File::open(path).map_err(|e| SourceError::io(path, &e))?;
            archive::list(path, archive.size, &mut |from, length| {
                file.seek(SeekFrom::Start(from))?;
                let mut bytes = vec![0; length];
                file.read_exact(&mut bytes)?;
                Ok(bytes)
            })
        };
        let listed = listed.map_err(|e| match e {
            ListError::Io(error) => SourceError::io(path, &error),
            ListError::Input(message) => SourceError::input(path, &message),
        })?;
        let files = listed.into_iter().map(|file| InputFile {
            path: format!("{path}{MEMBER_SEPARATOR}{}", file.name),
            size: file.size,
            modified_ms: archive.modified_ms,
            etag: Some(file.member.content_tag()),
            member: Some(file.member),
            whole: false,
            guessed: false,
        });
        Ok(files.collect())
    });
    listed.await.map_err(|e| SourceError::died(&e))?
}

fn expand(source: &str, pattern: &str) -> Result<glob::Paths, SourceError> {
    let is_folder = !pattern.contains(WILDCARDS) && std::path::Path::new(pattern).is_dir();
    let pattern = if is_folder {
        format!("{}/**/*", pattern.trim_end_matches('/'))
    } else {
        pattern.to_owned()
    };
    glob_with(&pattern, MATCH).map_err(|e| malformed(source, &pattern, &e))
}

fn malformed(source: &str, pattern: &str, error: &PatternError) -> SourceError {
    SourceError::Configuration(format!(
        "source `{source}`: the pattern {pattern} is malformed at character {}: {}",
        error.pos, error.msg
    ))
}

#[cfg(test)]
mod tests {
    use super::discover as discovered;
    use super::*;

    fn discover(source: &str, patterns: &[String]) -> Result<Vec<InputFile>, SourceError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(discovered(source, patterns))
    }

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "a.xml",
            "b/c.xml",
            "b/_notes.xml",
            "b/.hidden.xml",
            "lake/_headworks/log/1.xml",
            "lake/_day=3/g.xml",
            "b/d/e.xml.gz",
            "b/d/f.txt",
        ] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        dir
    }

    fn names(dir: &tempfile::TempDir, patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<String> = patterns
            .iter()
            .map(|p| format!("{}/{p}", dir.path().display()))
            .collect();
        let root = format!("{}/", dir.path().display());
        discover("s", &patterns)
            .unwrap()
            .into_iter()
            .map(|f| f.path.replace(&root, ""))
            .collect()
    }

    #[test]
    fn what_links_give_several_names_is_read_once() {
        use std::os::unix::fs::symlink;
        let dir = tree();
        let link = |to: &str, name: &str| symlink(to, dir.path().join(name)).unwrap();
        link(".", "loop");
        link("../b", "b/again");
        link("a.xml", "linked.xml");
        link("b/c.xml", "c.xml");
        std::fs::hard_link(dir.path().join("a.xml"), dir.path().join("hard.xml")).unwrap();
        // Another name without a link to it is another file, as it would be once one of them is written anew.
        let once = ["a.xml", "c.xml", "hard.xml", "linked.xml"];
        assert_eq!(names(&dir, &["*.xml"]), once);
        std::fs::remove_file(dir.path().join("hard.xml")).unwrap();
        assert_eq!(names(&dir, &["*.xml"]), ["a.xml", "c.xml"]);
        assert_eq!(
            names(&dir, &["**/*.xml"]),
            ["a.xml", "c.xml", "lake/_day=3/g.xml"]
        );
        assert_eq!(
            names(&dir, &["b"]),
            ["b/c.xml", "b/d/e.xml.gz", "b/d/f.txt"]
        );
        assert_eq!(names(&dir, &["loop/loop/b/c.xml"]), ["loop/loop/b/c.xml"]);
        let everything = format!("{}/", dir.path().display());
        let found = discover("s", &[everything]).unwrap();
        assert_eq!(found.len(), 5, "{found:?}");
    }

    #[test]
    fn patterns_and_folders() {
        let dir = tree();
        let partition = "lake/_day=3/g.xml";
        assert_eq!(names(&dir, &["**/*.xml"]), ["a.xml", "b/c.xml", partition]);
        assert_eq!(names(&dir, &["*.xml"]), ["a.xml"]);
        assert_eq!(
            names(&dir, &["b"]),
            ["b/c.xml", "b/d/e.xml.gz", "b/d/f.txt"]
        );
        assert_eq!(names(&dir, &["lake"]), [partition]);
        let log = ["lake/_headworks/log/1.xml"];
        for outright in [
            "lake/_headworks",
            "lake/_head*/**/*.xml",
            "**/_headworks/*/*",
        ] {
            assert_eq!(names(&dir, &[outright]), log, "{outright}");
        }
        assert_eq!(names(&dir, &["a.xml", "*.xml"]), ["a.xml"]);
        assert_eq!(
            names(&dir, &["b/_notes.xml"]),
            ["b/_notes.xml"],
            "named outright, it is meant"
        );
    }

    #[test]
    fn no_match_says_so() {
        let dir = tree();
        let error = discover("awards", &[format!("{}/*.csv", dir.path().display())])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("source `awards`: no file matches") && error.contains("*.csv"),
            "{error}"
        );
    }

    #[test]
    fn archives_stand_for_the_files_in_them() {
        use crate::archive::tests::{File, archive};
        let dir = tree();
        let file = |name: &str| File::new(name, b"<a/>", 8);
        let bytes = archive(&[file("x.xml"), file("d/y.xml"), file("d/_z.xml")], false);
        std::fs::write(dir.path().join("b/two.ZIP"), bytes).unwrap();
        let two = ["b/two.ZIP!/d/y.xml", "b/two.ZIP!/x.xml"];
        assert_eq!(names(&dir, &["b/*.ZIP"]), two);
        assert_eq!(names(&dir, &["b/two.ZIP", "b/two.ZIP!/*.xml"]), two);
        assert_eq!(names(&dir, &["b/two.ZIP!/*.xml"]), two[1..]);
        assert_eq!(names(&dir, &["*/*.ZIP!/**/y.xml"]), two[..1]);
        assert_eq!(names(&dir, &["b"]).len(), 5);

        let path = format!("{}/b/two.ZIP!/*.xml", dir.path().display());
        let found = &discover("s", std::slice::from_ref(&path)).unwrap()[0];
        let member = found.member.as_ref().unwrap();
        assert_eq!((member.plain_size, found.size), (4, 6));
        assert_eq!(found.etag.as_deref(), Some("crc32:01d11cd4:4"));

        let none = discover("s", &[path.replace("*.xml", "*.csv")]).unwrap_err();
        assert!(none.to_string().contains("no file matches"), "{none}");
        std::fs::write(dir.path().join("b/two.ZIP"), b"<a/>").unwrap();
        let broken = discover("s", &[path]).unwrap_err().to_string();
        assert!(
            broken.contains("b/two.ZIP: cannot be read as a zip archive"),
            "{broken}"
        );
    }
}
