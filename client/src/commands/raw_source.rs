//! A source that stands on the command line instead of in a job file.

use std::path::Path;

use headworks_spec::{Format as SpecFormat, Source, SourceSpec, TextFile};

use crate::cli::{Format, SourceFormat};
use crate::errors::Failure;

/// The largest schema file that is read, in bytes.
const SCHEMA_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Characters that mean something in a pattern.
const PATTERN_CHARACTERS: [char; 3] = ['*', '?', '['];

/// The source of these files, with the default options.
///
/// # Errors
/// When a path cannot be used, or the schema file cannot be read.
pub(crate) fn source_spec(
    name: &str,
    paths: &[String],
    format: &SourceFormat,
    schema: Option<&Path>,
) -> Result<SourceSpec, Failure> {
    let patterns = paths
        .iter()
        .map(|path| pattern(path))
        .collect::<Result<Vec<_>, _>>()?;
    let format_of_spec = match format.format {
        Format::Xml => SpecFormat::Xml,
    };
    let mut options = Source::new(format_of_spec, patterns);
    options.row_tag.clone_from(&format.row_tag);
    let schema_file = schema.map(schema_file).transpose()?;
    if let Some(file) = &schema_file {
        options.schema.clone_from(&file.path);
    }
    Ok(SourceSpec {
        name: name.to_owned(),
        options,
        schema_file,
    })
}

/// An absolute pattern. What is there under exactly that name is meant, even
/// if the name looks like a pattern.
fn pattern(path: &str) -> Result<String, Failure> {
    if path.contains("://") {
        return Err(Failure::usage(format!(
            "{path} cannot be read: only files on this machine can, so far\n  next: copy it here first"
        )));
    }
    let absolute = std::path::absolute(path).map_err(|e| {
        Failure::usage(format!(
            "`{path}` is no path: {e}\n  next: name a file, a folder or a pattern"
        ))
    })?;
    let Some(absolute) = absolute.to_str() else {
        return Err(Failure::usage(format!(
            "`{path}` is in a folder whose name is no UTF-8\n  next: move it"
        )));
    };
    if absolute.contains(PATTERN_CHARACTERS) && Path::new(absolute).exists() {
        return Ok(glob::Pattern::escape(absolute));
    }
    Ok(absolute.to_owned())
}

fn schema_file(path: &Path) -> Result<TextFile, Failure> {
    let cannot = |why: String| {
        Failure::usage(format!(
            "the schema file {} cannot be read: {why}\n  next: `headworks schema` writes one",
            path.display()
        ))
    };
    let length = std::fs::metadata(path)
        .map_err(|e| cannot(e.to_string()))?
        .len();
    if length > SCHEMA_BYTES_MAX {
        return Err(cannot(format!(
            "it has {length} bytes, more than {SCHEMA_BYTES_MAX}"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|e| cannot(e.to_string()))?;
    Ok(TextFile {
        path: path.display().to_string(),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_a_pattern_is_the_file_if_it_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("a[1].xml"), "").unwrap();
        assert_eq!(pattern(&path("a[1].xml")).unwrap(), path("a[[]1[]].xml"));
        assert_eq!(pattern(&path("a*.xml")).unwrap(), path("a*.xml"));
        assert!(
            pattern("x.xml").unwrap().starts_with('/'),
            "absolute: a scheduler has another working folder"
        );
        assert_eq!(pattern("s3://b/x.xml").unwrap_err().exit().code(), 2);
    }

    #[test]
    fn the_schema_files_text_goes_with_the_source() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("s.yaml");
        let format = SourceFormat {
            format: Format::Xml,
            row_tag: vec!["award".into()],
        };
        let failure = source_spec("s", &["x".into()], &format, Some(&file)).unwrap_err();
        assert!(
            failure.to_string().contains("s.yaml cannot be read"),
            "{failure}"
        );
        std::fs::write(&file, "fields: []\n").unwrap();
        let spec = source_spec("s", &["x".into()], &format, Some(&file)).unwrap();
        assert_eq!(spec.schema_file.unwrap().text, "fields: []\n");
        assert!(!spec.options.infers_schema());
        assert_eq!(spec.options.row_tag, ["award"]);
    }
}
