//! From a decoded job file to the resolved job: reads the files beside it, finds what each query reads, puts the models
//! in order, and makes paths absolute.
//!
//! It goes on after every fault, so that one run reports them all: a source or model that did not decode is still known
//! by name.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::check_model::check_model;
use crate::check_source::check_source;
use crate::error::{Mark, SpecError, hint, quoted_list};
use crate::job_file::{Format, Model, OnUnknown, Source, Tuning, WriteMode};
use crate::job_spec::{JOB_SPEC_VERSION, JobSpec, ModelSpec, SourceSpec, TextFile};
use crate::names::{NameMatch, match_name, name_fault};
use crate::order::order;
use crate::paths::{Folders, read_text};
use crate::resolve_checks::CheckDraft;
use crate::sql::{TableRef, table_references};
use crate::yaml::{Key, Kind, Node};

/// The largest SQL file that is read, in bytes.
const SQL_BYTES_MAX: u64 = 1 << 20;
/// The largest schema file that is read, in bytes.
const SCHEMA_BYTES_MAX: u64 = 16 << 20;

/// Resolves the job. `decoded` is what `decode` made of `tree`; `None` and at least one more error when something is
/// wrong, here or already there.
pub(crate) fn resolve(
    tree: &Node,
    decoded: &Value,
    folders: &Folders,
    errors: &mut Vec<SpecError>,
) -> Option<JobSpec> {
    let mut resolver = Resolver {
        tree,
        decoded,
        folders,
        errors,
    };
    let job = resolver.job_name();
    let lake = tree.find(&["lake"]).zip(decoded["lake"].as_str());
    let lake = lake.map(|(node, lake)| folders.absolute(&node.at, lake));
    resolver.name_clashes();
    let sources = resolver.sources();
    let models = resolver.models();
    resolver.appends(&sources, &models);
    let tuning = match decoded.get("tuning") {
        Some(tuning) => resolver.part::<Tuning>(tuning, &tree.at)?,
        None => Tuning::default(),
    };
    if !resolver.errors.is_empty() {
        return None;
    }
    Some(JobSpec {
        v: JOB_SPEC_VERSION,
        job: job?,
        lake: lake?,
        sources,
        models,
        tuning,
    })
}

pub(crate) struct Resolver<'a> {
    tree: &'a Node,
    decoded: &'a Value,
    folders: &'a Folders,
    pub(crate) errors: &'a mut Vec<SpecError>,
}

/// A model and the tables that its query names.
struct Draft<'a> {
    key: &'a Key,
    spec: Option<ModelSpec>,
    tables: Vec<TableRef>,
    text: SqlPlace,
    checks: Vec<CheckDraft>,
}

/// Where a query stands.
pub(crate) struct SqlPlace {
    /// The place of its first character, or of the whole value where lines cannot be told apart.
    start: Mark,
    /// Its lines and columns are those of `start`'s file, moved.
    by_line: bool,
}

impl SqlPlace {
    /// The error for line and column `at` of the query.
    pub(crate) fn error(&self, at: (u32, u32), message: String) -> SpecError {
        if !self.by_line {
            let (line, column) = at;
            return self.start.error(format!(
                "line {line}, column {column} of the query: {message}"
            ));
        }
        let mark = Mark {
            line: self.start.line + at.0 - 1,
            column: self.start.column + at.1 - 1,
            ..self.start.clone()
        };
        mark.error(message)
    }
}

impl<'a> Resolver<'a> {
    /// A part of the job file as its type; `None` when the decoder left something out that it cannot do without. It
    /// has reported that; if it has not, decoder and types disagree, and nothing may be left out in silence.
    fn part<T: DeserializeOwned>(&mut self, value: &Value, at: &Mark) -> Option<T> {
        match T::deserialize(value) {
            Ok(part) => Some(part),
            Err(fault) => {
                if self.errors.is_empty() {
                    self.errors
                        .push(at.error(format!("this cannot be read: {fault}")));
                }
                None
            }
        }
    }

    fn job_name(&mut self) -> Option<String> {
        let name = self.decoded["job"].as_str()?;
        if let (Some(fault), Some(node)) = (name_fault("job", name), self.tree.find(&["job"])) {
            self.errors.push(node.at.error(fault));
        }
        Some(name.to_owned())
    }

    fn entries(&self, kind: &str) -> &'a [(Key, Node)] {
        self.tree
            .find(&[kind])
            .map(Node::entries)
            .unwrap_or_default()
    }

    pub(crate) fn names(&self, kind: &str) -> impl Iterator<Item = &'a str> {
        self.entries(kind).iter().map(|(key, _)| key.text.as_str())
    }

    /// SQL could not tell a source and a model of one name apart.
    fn name_clashes(&mut self) {
        for (model, _) in self.entries("models") {
            let source = self
                .entries("sources")
                .iter()
                .find(|(source, _)| source.text == model.text);
            if let Some((source, _)) = source {
                let (name, line) = (&model.text, source.at.line);
                let message = format!(
                    "model `{name}` has the name of the source in line {line}; rename one of them"
                );
                self.errors.push(model.at.error(message));
            }
        }
    }

    fn sources(&mut self) -> Vec<SourceSpec> {
        let mut sources = Vec::new();
        for (key, node) in self.entries("sources") {
            let Some(mut options) =
                self.part::<Source>(&self.decoded["sources"][&key.text], &key.at)
            else {
                continue;
            };
            check_source(key, node, &options, self.errors);
            let path_at = |at: usize| match node.find(&["path"]).map(|path| (&path.kind, &path.at))
            {
                Some((Kind::List(items), _)) => items.get(at).map(|item| &item.at),
                Some((_, mark)) => Some(mark),
                None => None,
            };
            for (at, path) in options.path.iter_mut().enumerate() {
                *path = self.folders.absolute(path_at(at).unwrap_or(&key.at), path);
            }
            let schema_file = self.schema_file(key, node, &mut options);
            sources.push(SourceSpec {
                name: key.text.clone(),
                options,
                schema_file,
            });
        }
        sources
    }

    /// Reads the schema file, if there is one, and makes its path absolute.
    fn schema_file(&mut self, key: &Key, node: &Node, source: &mut Source) -> Option<TextFile> {
        if source.infers_schema() {
            return None;
        }
        let at = node.find(&["schema"]).map_or(&key.at, |schema| &schema.at);
        let evolves = source.on_unknown == OnUnknown::Evolve;
        for (sample, _) in node.entries() {
            if !evolves && ["sample_files", "sample_ratio"].contains(&sample.text.as_str()) {
                let message = format!(
                    "`{}` in source `{}` has no meaning without `schema: infer` or `on_unknown: evolve`",
                    sample.text, key.text
                );
                self.errors.push(sample.at.error(message));
            }
        }
        let absolute = self.folders.absolute(at, &source.schema);
        let path = self.folders.shown(at, &source.schema);
        source.schema = absolute;
        match read_text(Path::new(&source.schema), SCHEMA_BYTES_MAX) {
            Ok(text) => Some(TextFile { path, text }),
            Err(why) => {
                let advice = " Allowed: `infer`, or the path of a schema file";
                let message = format!(
                    "schema file `{path}` of source `{}`: {why}{advice}",
                    key.text
                );
                self.errors.push(at.error(message));
                None
            }
        }
    }

    /// The models in their order.
    fn models(&mut self) -> Vec<ModelSpec> {
        let mut drafts: Vec<Draft<'a>> = Vec::new();
        for (key, node) in self.entries("models") {
            drafts.push(self.draft(key, node));
        }
        let reads: Vec<Vec<usize>> = drafts.iter_mut().map(|draft| self.link(draft)).collect();
        match order(&reads) {
            Ok(order) => order
                .into_iter()
                .filter_map(|model| drafts[model].spec.take())
                .collect(),
            Err(cycle) => {
                let names: Vec<String> = cycle
                    .iter()
                    .map(|model| format!("`{}`", drafts[*model].key.text))
                    .collect();
                let message = match names.as_slice() {
                    [itself, _] => {
                        format!("model {itself} reads itself; allowed: sources and other models")
                    }
                    _ => format!(
                        "models read each other in a circle, by their queries or their checks: {}; allowed: no circles",
                        names.join(" -> ")
                    ),
                };
                self.errors.push(drafts[cycle[0]].key.at.error(message));
                Vec::new()
            }
        }
    }

    /// What a model appends is told from what it has by the files that it took in: those of sources with records. One
    /// that reads nothing of the kind would append all of its rows again with each run.
    fn appends(&mut self, sources: &[SourceSpec], models: &[ModelSpec]) {
        let has_records = |name: &String| {
            let source = sources.iter().find(|source| source.name == *name);
            source.is_none_or(|source| source.options.format != Format::Parquet)
        };
        for model in models
            .iter()
            .filter(|model| model.options.mode == WriteMode::Append)
        {
            let reads: Vec<&str> = [&model.reads_sources, &model.reads_models]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect();
            if reads.is_empty() || model.reads_sources.iter().any(has_records) {
                continue;
            }
            let node = self.tree.find(&["models", &model.name, "mode"]);
            let at = node.map_or(&self.tree.at, |mode| &mode.at);
            self.errors.push(at.error(format!(
                "`mode: append` in model `{}`, which reads {} alone: models and Parquet files are read whole by every \
                 run, so all rows would be appended again. Allowed: `overwrite`, `overwrite_partitions`, `upsert` with a \
                 `key`; or the query over the source itself",
                model.name,
                quoted_list(reads)
            )));
        }
    }

    /// Reads a model's query and the tables it names.
    fn draft(&mut self, key: &'a Key, node: &Node) -> Draft<'a> {
        let nowhere = SqlPlace {
            start: key.at.clone(),
            by_line: false,
        };
        let mut draft = Draft {
            key,
            spec: None,
            tables: Vec::new(),
            text: nowhere,
            checks: Vec::new(),
        };
        let decoded = &self.decoded["models"][&key.text];
        let mut options = self.part::<Model>(decoded, &key.at);
        if let Some(options) = &mut options {
            check_model(key, node, options, self.errors);
            draft.checks = self.draft_checks(key, node, std::mem::take(&mut options.checks));
        }
        let Some((sql, written)) = decoded["sql"].as_str().zip(node.find(&["sql"])) else {
            return draft;
        };
        let Some((file, place)) = self.query_text(key, sql, written) else {
            return draft;
        };
        draft.text = place;
        match table_references(&file.text) {
            Ok(tables) => draft.tables = tables,
            Err(fault) => self.errors.push(draft.text.error(fault.at, fault.message)),
        }
        draft.spec = options.map(|options| ModelSpec {
            name: key.text.clone(),
            options,
            sql: file,
            reads_sources: Vec::new(),
            reads_models: Vec::new(),
            checks: Vec::new(),
        });
        draft
    }

    /// The query: the value itself when it holds white space, else the file it names.
    pub(crate) fn query_text(
        &mut self,
        key: &Key,
        sql: &str,
        written: &Node,
    ) -> Option<(TextFile, SqlPlace)> {
        if sql.contains(char::is_whitespace) {
            let body = match &written.kind {
                Kind::Scalar(scalar) => scalar.body.clone(),
                Kind::List(_) | Kind::Map(_) => None,
            };
            let file = TextFile {
                path: written.at.origin.to_string(),
                text: sql.to_owned(),
            };
            let by_line = body.as_ref().is_some_and(|body| body.line > 0);
            return Some((
                file,
                SqlPlace {
                    start: body.unwrap_or_else(|| written.at.clone()),
                    by_line,
                },
            ));
        }
        let path = self.folders.shown(&written.at, sql);
        match read_text(
            Path::new(&self.folders.absolute(&written.at, sql)),
            SQL_BYTES_MAX,
        ) {
            Ok(text) => {
                let start = Mark {
                    origin: path.as_str().into(),
                    line: 1,
                    column: 1,
                    is_override: false,
                };
                Some((
                    TextFile { path, text },
                    SqlPlace {
                        start,
                        by_line: true,
                    },
                ))
            }
            Err(why) => {
                let advice = " Allowed: the path of a file, or a query";
                self.errors.push(written.at.error(format!(
                    "SQL file `{path}` of model `{}`: {why}{advice}",
                    key.text
                )));
                None
            }
        }
    }

    /// Finds what the tables of a model's query stand for; returns the models among them by their place in the file.
    fn link(&mut self, draft: &mut Draft<'a>) -> Vec<usize> {
        let models: Vec<&str> = self.names("models").collect();
        let sources: Vec<&str> = self.names("sources").collect();
        let known: Vec<&str> = sources.iter().chain(&models).copied().collect();
        let mut reads = Vec::new();
        for table in &draft.tables {
            let found = if table.parts == 1 {
                match_name(&table.name, known.iter().copied())
            } else {
                NameMatch::None
            };
            let name = match found {
                NameMatch::One(name) => name,
                _ => {
                    self.errors.push(
                        draft
                            .text
                            .error(table.at, unknown_table(table, &known, &found)),
                    );
                    continue;
                }
            };
            let is_source = sources.contains(&name);
            let model = models
                .iter()
                .position(|model| *model == name)
                .filter(|_| !is_source);
            reads.extend(model);
            if let Some(spec) = &mut draft.spec {
                let list = if is_source {
                    &mut spec.reads_sources
                } else {
                    &mut spec.reads_models
                };
                if !list.iter().any(|read| read == name) {
                    list.push(name.to_owned());
                }
            }
        }
        for check in std::mem::take(&mut draft.checks) {
            if let Some(check) = self.link_check(draft.key, check)
                && let Some(spec) = &mut draft.spec
            {
                let before = |model: &&str| check.reads.iter().any(|read| read == model);
                reads.extend((0..models.len()).filter(|at| before(&models[*at])));
                spec.checks.push(check);
            }
        }
        reads
    }
}

pub(crate) fn unknown_table(table: &TableRef, known: &[&str], found: &NameMatch<'_>) -> String {
    let name = &table.name;
    let candidates = known
        .iter()
        .copied()
        .chain(table.ctes.iter().map(String::as_str));
    if let NameMatch::Several(similar) = found {
        return format!(
            "table `{name}` could be any of {}; write it as it is written there",
            quoted_list(similar.iter().copied())
        );
    }
    if table.parts > 1 {
        let last = name.rsplit('.').next().unwrap_or(name);
        let near = hint(last, candidates);
        return format!(
            "unknown table `{name}`{near} Names of tables have one part; a list is unnested with `unnest({name})`. \
             Known: {}",
            quoted_list(known.iter().copied())
        );
    }
    format!(
        "unknown table `{name}`{} Known: {}",
        hint(name, candidates),
        quoted_list(known.iter().copied())
    )
}
