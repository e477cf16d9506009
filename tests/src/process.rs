//! Processes that end with the value that stands for them, and runs with a deadline.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a run may take before it counts as hung.
const DONE_WITHIN: Duration = Duration::from_secs(180);
/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(20);

/// A server process. It is killed by its id when the value is dropped, and ends by itself when the test program does:
/// its standard input is then at its end.
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server whose output goes to `log`, and waits until it answers `path` on `port`, or says why it does not.
    pub fn start(mut command: Command, log: &Path, port: u16, path: &str) -> Result<Server, String> {
        let file = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = file.try_clone().map_err(|error| error.to_string())?;
        let child = command.stdin(Stdio::piped()).stdout(file).stderr(errors).spawn();
        let child = child.map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let mut server = Server {
            child,
            log: log.to_path_buf(),
        };
        let deadline = Instant::now() + READY_WITHIN;
        while !answers(port, path) {
            let ended = server.child.try_wait().map_err(|error| error.to_string())?;
            if let Some(status) = ended {
                return Err(format!("{command:?} ended ({status}):\n{}", server.log()));
            }
            if Instant::now() > deadline {
                return Err(format!(
                    "{command:?} does not answer within {READY_WITHIN:?}:\n{}",
                    server.log()
                ));
            }
            thread::sleep(PAUSE);
        }
        Ok(server)
    }

    /// What the server has written so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port on loopback that nothing listens on at this moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Whether anything answers a GET in HTTP; https ports count as soon as they accept.
fn answers(port: u16, path: &str) -> bool {
    let Ok(mut connection) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return false;
    };
    if path.is_empty() {
        return true;
    }
    let _ = connection.set_read_timeout(Some(Duration::from_secs(5)));
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    let mut answer = [0; 5];
    connection.write_all(request.as_bytes()).is_ok()
        && connection.read_exact(&mut answer).is_ok()
        && &answer == b"HTTP/"
}

/// What a finished process has left.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

/// A process that is under way, with its output being read.
pub struct Running {
    child: Child,
    stdout: thread::JoinHandle<String>,
    stderr: thread::JoinHandle<String>,
}

impl Running {
    /// Starts the command; `input` is its whole standard input.
    pub fn start(command: &mut Command, input: &str) -> Running {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut stdin = child.stdin.take().expect("standard input is piped");
        // A process that does not read its input may end before it is written: that is no failure.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let stdout = reading(child.stdout.take().expect("standard output is piped"));
        let stderr = reading(child.stderr.take().expect("standard error is piped"));
        Running { child, stdout, stderr }
    }

    /// Sends a signal by name, such as `INT`, to the process by its id.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .expect("`kill` runs");
        assert!(status.success(), "kill -s {name} {id}: {status}");
    }

    /// Waits for the end. A process that outlasts the deadline is killed, which fails the case.
    pub fn wait(mut self) -> Finished {
        let deadline = Instant::now() + DONE_WITHIN;
        let status = loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    let _ = self.child.kill();
                    let _ = self.child.wait();
                    let stderr = self.stderr.join().unwrap_or_default();
                    panic!("the process has not ended within {DONE_WITHIN:?}; standard error:\n{stderr}");
                }
                None => thread::sleep(PAUSE),
            }
        };
        let text = |reader: thread::JoinHandle<String>| reader.join().expect("output can be read");
        Finished {
            status,
            stdout: text(self.stdout),
            stderr: text(self.stderr),
        }
    }
}

fn reading(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8(bytes).expect("output is UTF-8")
    })
}

/// Asks until `answer` gives something, or fails the case with `what` when a minute has gone by.
pub fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + READY_WITHIN;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {READY_WITHIN:?}");
        thread::sleep(PAUSE);
    }
}
