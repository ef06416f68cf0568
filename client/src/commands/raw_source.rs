//! A source that stands on the command line instead of in a job file.

use std::path::Path;

use headworks_spec::{
    Format as SpecFormat, Source, SourceSpec, TAB_EXTENSION, TextFile, format_extension,
};

use crate::cli::{Format, SourceFormat};
use crate::errors::Failure;

/// The largest schema file that is read, in bytes.
const SCHEMA_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What the path of an object begins with.
const OBJECTS: &str = "s3://";
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
    let mut options = Source::new(format_of(paths, format)?, patterns);
    set_options(&mut options, format)?;
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

/// The format that was given, or that the names of the files tell.
fn format_of(paths: &[String], given: &SourceFormat) -> Result<SpecFormat, Failure> {
    if let Some(format) = given.format {
        return Ok(match format {
            Format::Xml => SpecFormat::Xml,
            Format::Json => SpecFormat::Json,
            Format::Csv => SpecFormat::Csv,
        });
    }
    if !given.row_tag.is_empty() {
        return Ok(SpecFormat::Xml);
    }
    let mut formats = paths.iter().map(|path| format_by_name(path));
    let first = formats.next().flatten();
    match first.filter(|format| formats.all(|other| other == Some(*format))) {
        Some(format) => Ok(format),
        None => Err(Failure::usage(
            "the names of the files do not tell their format\n  next: give --format xml, json or csv",
        )),
    }
}

/// Names that files of a format end in.
const EXTENSIONS: [(&str, SpecFormat); 7] = [
    ("xml", SpecFormat::Xml),
    ("json", SpecFormat::Json),
    ("jsonl", SpecFormat::Json),
    ("ndjson", SpecFormat::Json),
    ("geojson", SpecFormat::Json),
    ("csv", SpecFormat::Csv),
    (TAB_EXTENSION, SpecFormat::Csv),
];
fn format_by_name(path: &str) -> Option<SpecFormat> {
    let extension = format_extension(path)?;
    let known = EXTENSIONS.iter().find(|(known, _)| *known == extension);
    known.map(|(_, format)| *format)
}

/// Takes in the options of the format.
fn set_options(options: &mut Source, given: &SourceFormat) -> Result<(), Failure> {
    let of_others = [
        (
            "--row-tag",
            "XML",
            SpecFormat::Xml,
            !given.row_tag.is_empty(),
        ),
        (
            "--records",
            "JSON",
            SpecFormat::Json,
            given.records.is_some(),
        ),
        (
            "--delimiter",
            "CSV",
            SpecFormat::Csv,
            given.delimiter.is_some(),
        ),
        ("--no-header", "CSV", SpecFormat::Csv, given.no_header),
    ];
    for (flag, word, format, is_given) in of_others {
        if is_given && options.format != format {
            return Err(Failure::usage(format!(
                "{flag} is an option of {word}, and these files are taken to be of another format\n  next: leave it \
                 out, or give --format"
            )));
        }
    }
    if options.format == SpecFormat::Xml && given.row_tag.is_empty() {
        return Err(Failure::usage(
            "XML needs --row-tag: the element that is a record\n  next: look into a file for the name of its records",
        ));
    }
    options.row_tag.clone_from(&given.row_tag);
    options.records.clone_from(&given.records);
    options.header = !given.no_header;
    options.columns.clone_from(&given.columns);
    if let Some(delimiter) = &given.delimiter {
        if Source::csv_character(delimiter).is_none() {
            return Err(Failure::usage(format!(
                "the delimiter `{delimiter}` is not one ASCII character\n  next: give one, or \\t for a tab"
            )));
        }
        options.delimiter = Some(delimiter.clone());
    }
    Ok(())
}

/// An absolute pattern. What is there under exactly that name is meant, even
/// if the name looks like a pattern.
fn pattern(path: &str) -> Result<String, Failure> {
    if path.starts_with(OBJECTS) {
        return Ok(path.to_owned());
    }
    if path.contains("://") {
        return Err(Failure::usage(format!(
            "{path} cannot be read: only files on this machine and {OBJECTS} can\n  next: copy it here first"
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
        assert_eq!(pattern("s3://b/*.xml").unwrap(), "s3://b/*.xml");
        assert_eq!(pattern("gs://b/x.xml").unwrap_err().exit().code(), 2);
    }

    #[test]
    fn the_schema_files_text_goes_with_the_source() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("s.yaml");
        let format = SourceFormat {
            row_tag: vec!["award".into()],
            ..SourceFormat::default()
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

    fn source(path: &str, format: SourceFormat) -> Result<Source, String> {
        let spec = source_spec("s", &[path.into()], &format, None);
        spec.map(|spec| spec.options).map_err(|e| e.to_string())
    }

    #[test]
    fn names_tell_the_format() {
        for (path, format, delimiter) in [
            ("a/b.JSON", SpecFormat::Json, ","),
            ("a/*.ndjson.gz", SpecFormat::Json, ","),
            ("d.zip!/**/*.jsonl", SpecFormat::Json, ","),
            ("a.b/c.csv.zst", SpecFormat::Csv, ","),
            ("c.tsv", SpecFormat::Csv, "\t"),
        ] {
            let options = source(path, SourceFormat::default()).unwrap();
            assert_eq!(
                (options.format, options.delimiter()),
                (format, delimiter),
                "{path}"
            );
        }
        for path in ["a", "a.txt", "folder/", "a.gz", "a.json/"] {
            let failure = source(path, SourceFormat::default()).unwrap_err();
            assert!(
                failure.contains("--format xml, json or csv"),
                "{path}: {failure}"
            );
        }
        let two = source_spec(
            "s",
            &["a.csv".into(), "b.json".into()],
            &SourceFormat::default(),
            None,
        );
        assert_eq!(two.unwrap_err().exit().code(), 2);
    }

    #[test]
    fn options_belong_to_their_format() {
        let xml = || SourceFormat {
            row_tag: vec!["r".into()],
            ..SourceFormat::default()
        };
        assert_eq!(source("a", xml()).unwrap().format, SpecFormat::Xml);
        let failure = source("a.xml", SourceFormat::default()).unwrap_err();
        assert!(failure.contains("XML needs --row-tag"), "{failure}");
        let csv = SourceFormat {
            format: Some(Format::Csv),
            ..xml()
        };
        let failure = source("a.xml", csv).unwrap_err();
        assert!(
            failure.contains("--row-tag is an option of XML"),
            "{failure}"
        );

        let csv = |delimiter: &str| SourceFormat {
            format: Some(Format::Csv),
            delimiter: Some(delimiter.into()),
            no_header: true,
            columns: vec!["a".into(), "b".into()],
            ..SourceFormat::default()
        };
        let options = source("a.txt", csv(";")).unwrap();
        assert_eq!((options.delimiter(), options.header), (";", false));
        assert_eq!(options.columns, ["a", "b"]);
        assert!(source("a.txt", csv(";;")).unwrap_err().contains("`;;`"));
    }
}
