//! The real program, as a process of its own.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Caller;

/// The program, in a folder, with nothing of the surroundings' configuration. One that serves has a
/// gRPC port of its own. A machine with other work on it takes its time, so it waits for its database for
/// long; what a wait ends in has tests of its own.
pub(crate) fn gatewood(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatewood"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    without_configuration(&mut command);
    if matches!(arguments.first(), Some(&("serve" | "keys" | "secrets"))) {
        command.env("GATEWOOD_DATABASE_WAIT", "30s");
    }
    if arguments.first() == Some(&"serve") && !arguments.contains(&"--grpc-listen") {
        command.env("GATEWOOD_GRPC_LISTEN", "127.0.0.1:0");
    }
    command
}

/// The same program, for which the permissions of files count also where the tests run as root.
pub(crate) fn without_roots_power_over_files(command: &Command) -> Command {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut bound = Command::new(if is_root { "setpriv" } else { "env" });
    if is_root {
        bound.arg("--bounding-set=-dac_override,-dac_read_search");
    }
    bound.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    bound.current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(name, value),
            None => bound.env_remove(name),
        };
    }
    bound
}

/// Takes every `GATEWOOD_...` variable of the tests' own surroundings away.
pub(crate) fn without_configuration(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GATEWOOD_") {
            command.env_remove(name);
        }
    }
}

/// What became of a program that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Fails when it succeeded; gives what it complained about.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        assert_eq!(self.code, Some(1), "{self:#?}");
        self.stderr
    }

    /// Fails when it did not succeed; gives what it printed.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.stdout
    }
}

/// Runs a program that is to end by itself within 20 seconds.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Ended {
    let (stdout, stderr) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
    command.stdout(stdout.reopen().unwrap()).stderr(stderr.reopen().unwrap());
    let mut child = command.spawn().unwrap();
    let ended = wait(&mut child, Duration::from_secs(20));
    if ended.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (stdout, stderr) = (text_of(&stdout), text_of(&stderr));
    let Some(status) = ended else { panic!("it goes on and on: {command:?}\n{stdout}\n{stderr}") };
    Ended { code: status.code(), stdout, stderr }
}

/// A program that serves. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    log: NamedTempFile,
    pub(crate) base: String,
}

impl Running {
    /// Starts it and waits until it says where it listens.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_into(command, Stdio::null())
    }

    /// The same, with a place for its standard output.
    #[track_caller]
    pub(crate) fn start_into(command: &mut Command, out: Stdio) -> Self {
        let log = NamedTempFile::new().unwrap();
        command.stdout(out).stderr(log.reopen().unwrap());
        let mut running = Self { child: command.spawn().unwrap(), log, base: String::new() };
        let began = Instant::now();
        loop {
            let log = running.log();
            if let Some(base) = base_in(&log) {
                running.base = base;
                return running;
            }
            let ended = running.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {ended:?}\n{}", running.log());
            assert!(began.elapsed() < Duration::from_secs(20), "it does not listen:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it logged until now.
    pub(crate) fn log(&self) -> String {
        text_of(&self.log)
    }

    /// Waits until it has logged this.
    pub(crate) fn until_logged(&self, text: &str) {
        let began = Instant::now();
        while !self.log().contains(text) {
            assert!(began.elapsed() < Duration::from_secs(20), "it does not log `{text}`:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to stop, and waits until it has heard that.
    pub(crate) fn begin_to_stop(&self) {
        self.signal("TERM");
        self.until_logged("stopping: accepted requests may finish");
    }

    /// A connection with a request on it that the server has begun to serve, and what is still missing of
    /// it: the tenant that it makes is called `xyz`.
    pub(crate) async fn unfinished_request(&self, key: &str) -> (TcpStream, &'static str) {
        let mut stream = TcpStream::connect(self.base.trim_start_matches("http://")).await.unwrap();
        let head = format!(
            "POST /v1/tenants HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n\
             content-length: 14\r\nexpect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let goes_on = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut answer = vec![0; goes_on.len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, goes_on, "{}", String::from_utf8_lossy(&answer));
        stream.write_all(b"{\"name\"").await.unwrap();
        (stream, ":\"xyz\"}")
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// Waits for its end; `None`: it goes on.
    pub(crate) fn wait(&mut self, longest: Duration) -> Option<ExitStatus> {
        wait(&mut self.child, longest)
    }

    /// Ends it without giving it a chance to do anything.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and expects that it does so in good order.
    #[track_caller]
    pub(crate) fn stop(mut self) -> String {
        self.signal("TERM");
        let status = self.wait(Duration::from_secs(20));
        assert!(status.is_some_and(|status| status.success()), "{status:?}\n{}", self.log());
        self.log()
    }

    /// Somebody without a credential.
    pub(crate) fn anonymous(&self) -> Caller {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        Caller { client, base: self.base.clone(), headers: HeaderMap::new() }
    }

    /// The holder of a key of which the text is known.
    pub(crate) fn with_key(&self, key: &str) -> Caller {
        self.anonymous().with("x-api-key", key)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process that a test started.
fn signal(process: u32, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status().unwrap();
    assert!(sent.success());
}

fn wait(child: &mut Child, longest: Duration) -> Option<ExitStatus> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if began.elapsed() > longest {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn text_of(file: &NamedTempFile) -> String {
    let mut bytes = Vec::new();
    file.reopen().unwrap().read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The URL after `listen` in a log line of either format.
fn base_in(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains("listening") && line.contains("listen"))?;
    let after = line.split("\"listen\":\"").nth(1).or_else(|| line.split(" listen=").nth(1))?;
    let listen = after.split(['"', ' ']).next()?;
    // The warning about clear text has the address alone.
    let base = if listen.contains("://") { listen.to_owned() } else { format!("http://{listen}") };
    listen.contains(':').then_some(base)
}
