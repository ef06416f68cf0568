//! The user's config file, and where this program looks for things: what was
//! given on the command line or in the environment comes first.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::errors::Failure;

/// The word that means "no scheduler", where one is configured.
const LOCAL: &str = "local";

/// `~/.config/headworks/config.yaml`, or the file named by `HEADWORKS_CONFIG`.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The scheduler to use.
    pub(crate) scheduler: Option<String>,
    /// Where the local journal lies.
    pub(crate) state_dir: Option<PathBuf>,
}

impl Config {
    /// Reads the config file; none is as good as an empty one, unless
    /// `HEADWORKS_CONFIG` names it.
    ///
    /// # Errors
    /// When the file cannot be read or has keys that are not known.
    pub(crate) fn load(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let named = env("HEADWORKS_CONFIG")
            .filter(|v| !v.is_empty())
            .map(PathBuf::from);
        let must_exist = named.is_some();
        let Some(path) =
            named.or_else(|| Some(config_dir(env)?.join("headworks").join("config.yaml")))
        else {
            return Ok(Self::default());
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, &path),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !must_exist => {
                Ok(Self::default())
            }
            Err(e) => Err(Failure::usage(format!(
                "cannot read the config file {}: {e}\n  next: create it, or unset HEADWORKS_CONFIG",
                path.display()
            ))),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        if text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(text).map_err(|e| {
            Failure::usage(format!(
                "the config file {} is not right: {e}\n  next: it may have `scheduler: URL` and `state_dir: DIR`, no other keys",
                path.display()
            ))
        })
    }
}

fn config_dir(env: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name: &str| env(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))
}

/// The scheduler's URL, or none to work within this process. `given` is the
/// flag or the environment; what is set there, `local` too, hides the config file.
///
/// # Errors
/// When it is no URL that can be used.
pub(crate) fn scheduler_url(
    given: Option<&str>,
    config: &Config,
) -> Result<Option<String>, Failure> {
    let chosen = match given.map(str::trim) {
        Some("") | None => config.scheduler.as_deref().map(str::trim),
        given => given,
    };
    match chosen {
        None | Some("" | LOCAL) => Ok(None),
        Some(text) => normal_url(text).map(Some),
    }
}

fn normal_url(text: &str) -> Result<String, Failure> {
    let refuse = |why: &str| {
        Failure::usage(format!(
            "the scheduler `{text}` {why}\n  next: give it as http://HOST:PORT, as the ready line of `headworks-scheduler` shows it"
        ))
    };
    let url = match text.split_once("://") {
        None => format!("http://{text}"),
        Some(("http", _)) => text.to_owned(),
        Some(("https", _)) => {
            return Err(refuse(
                "is to be reached over TLS, which is not supported yet",
            ));
        }
        Some(_) => return Err(refuse("is no address of a scheduler")),
    };
    let uri: tonic::transport::Uri = url.parse().map_err(|_| refuse("is no URL"))?;
    if uri.host().is_none_or(str::is_empty) || uri.port_u16().is_none() {
        return Err(refuse("lacks a host or a port"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(scheduler: &str) -> Config {
        Config {
            scheduler: Some(scheduler.into()),
            ..Config::default()
        }
    }

    #[test]
    fn flag_and_environment_come_before_the_config_file_and_local_means_none() {
        for (given, configured, url) in [
            (None, None, None),
            (None, Some("http://c:1"), Some("http://c:1")),
            (Some("http://g:2"), Some("http://c:1"), Some("http://g:2")),
            (Some(""), Some("http://c:1"), Some("http://c:1")),
            (Some("local"), Some("http://c:1"), None),
            (None, Some("local"), None),
            (
                Some("127.0.0.1:50050"),
                None,
                Some("http://127.0.0.1:50050"),
            ),
            (Some("http://h:1/"), None, Some("http://h:1")),
            (Some("http://[::1]:9"), None, Some("http://[::1]:9")),
        ] {
            let config = configured.map_or_else(Config::default, config);
            assert_eq!(
                scheduler_url(given, &config).unwrap().as_deref(),
                url,
                "{given:?} {configured:?}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_form_it_should_have() {
        for (given, why) in [
            ("https://h:1", "TLS"),
            ("ftp://h:1", "no address"),
            ("http://h", "lacks a host or a port"),
            ("http://:5", "http://HOST:PORT"),
            ("a b:1", "no URL"),
        ] {
            let failure = scheduler_url(Some(given), &Config::default()).unwrap_err();
            assert_eq!(failure.exit().code(), 2);
            assert!(failure.to_string().contains(why), "{given}: {failure}");
        }
    }

    #[test]
    fn the_config_file_knows_its_keys() {
        let path = Path::new("c.yaml");
        let parsed =
            Config::parse("# where\nscheduler: http://h:1\nstate_dir: /s\n", path).unwrap();
        assert_eq!(
            parsed,
            Config {
                scheduler: Some("http://h:1".into()),
                state_dir: Some("/s".into())
            }
        );
        assert_eq!(
            Config::parse("# only a comment\n\n", path).unwrap(),
            Config::default()
        );
        let failure = Config::parse("schedular: http://h:1\n", path).unwrap_err();
        assert_eq!(failure.exit().code(), 2);
        assert!(
            failure.to_string().contains("c.yaml") && failure.to_string().contains("schedular"),
            "{failure}"
        );
    }

    #[test]
    fn a_missing_config_file_matters_only_if_it_was_named() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().to_str().unwrap().to_owned();
        let env = |name: &str| (name == "HOME").then(|| home.clone());
        assert_eq!(Config::load(&env).unwrap(), Config::default());
        let named = |name: &str| (name == "HEADWORKS_CONFIG").then(|| format!("{home}/none.yaml"));
        assert_eq!(Config::load(&named).unwrap_err().exit().code(), 2);
        std::fs::create_dir_all(dir.path().join(".config/headworks")).unwrap();
        std::fs::write(
            dir.path().join(".config/headworks/config.yaml"),
            "scheduler: http://h:7\n",
        )
        .unwrap();
        assert_eq!(
            Config::load(&env).unwrap().scheduler.as_deref(),
            Some("http://h:7")
        );
    }
}
