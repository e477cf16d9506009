//! Log lines on standard error, plain or JSON, that do not tear the progress display apart.

use std::io::{self, IsTerminal as _, Write};

use indicatif::{MultiProgress, ProgressDrawTarget};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use auth_core::Mask;
use auth_core::host::machine_time;
use serde_json::{Map, Value as Json};
use tracing::Level;

use super::foreign::{harmless, harmless_lines};
use crate::ledger::timestamp;

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Plain,
    /// One JSON object a line, for log collectors.
    Json,
}

/// Standard error.
#[derive(Clone)]
pub struct Terminal {
    pub(super) bars: MultiProgress,
    /// Whether a person is watching.
    pub interactive: bool,
    /// The form of log lines.
    pub format: LogFormat,
    /// Nothing but errors.
    pub quiet: bool,
    /// What hides the secrets of the run in all that is written.
    pub mask: Mask,
}

impl Terminal {
    /// The process's standard error, with the log set up: once in a process. `verbosity` 0 to 3.
    pub fn stderr(format: LogFormat, verbosity: u8, quiet: bool) -> Self {
        let interactive = io::stderr().is_terminal() && format == LogFormat::Plain && !quiet;
        let target = if interactive {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let terminal = Terminal {
            bars: MultiProgress::with_draw_target(target),
            interactive,
            format,
            quiet,
            mask: Mask::default(),
        };
        terminal.start_log(verbosity);
        terminal
    }

    /// No display and no log: for tests inside a process.
    pub fn silent() -> Self {
        Terminal {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            interactive: false,
            format: LogFormat::Plain,
            quiet: true,
            mask: Mask::default(),
        }
    }

    /// No display and no log, but errors as lines of JSON.
    pub(crate) fn json_errors() -> Self {
        Terminal {
            format: LogFormat::Json,
            ..Terminal::silent()
        }
    }

    fn start_log(&self, verbosity: u8) {
        // Never below debug for the SDK and not at all for HTTP: their trace lines show signed headers, and those carry
        // session tokens.
        // aws_config tells of every link of the default credential chain that has none; the error names the last of them.
        let level = match (self.quiet, verbosity) {
            (true, _) => "error",
            (_, 0) => "warn,aws_config=error,auth_core=info,connector_core=info",
            (_, 1) => "warn,auth_core=debug,connector_core=debug",
            (_, 2) => "info,auth_core=trace,connector_core=trace",
            (_, _) => "info,auth_core=trace,connector_core=trace,aws_config=debug,aws_smithy_runtime=debug",
        };
        let builder = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(level))
            .with_writer(self.clone())
            // No colours: then no escape is ours, and none gets through.
            .with_ansi(false);
        // A second start, in a test process, keeps the first one's.
        let _ = match self.format {
            LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
            LogFormat::Plain if verbosity == 0 => builder.with_target(false).without_time().compact().try_init(),
            LogFormat::Plain => builder.compact().try_init(),
        };
    }

    /// Writes `text` above the display. All that reaches the terminal, the display's own counters apart, comes through
    /// here: none of it can steer the terminal, and no secret is in it.
    pub fn print(&self, text: &str) {
        let text = harmless_lines(&self.mask.hide(text));
        self.bars.suspend(|| {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        });
    }

    /// Says what is wrong, and what to do about it where that is known: for a person, or as a line of JSON.
    pub fn error(&self, why: &str, hint: Option<&str>, exit_code: u8) {
        if self.format == LogFormat::Json {
            let mut fields = Map::new();
            fields.insert("hint".to_owned(), hint.into());
            fields.insert("exit_code".to_owned(), exit_code.into());
            self.event(Level::ERROR, why, fields);
            return;
        }
        let hint = hint
            .map(|hint| format!("hint:  {}\n", harmless(hint)))
            .unwrap_or_default();
        self.print(&format!("error: {}\n{hint}", harmless(why)));
    }

    /// A log line in JSON, in the form of all others, whose fields may be objects and `null`: the log's own cannot.
    pub fn event(&self, level: Level, message: &str, fields: Map<String, Json>) {
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), timestamp(machine_time().now()).into());
        line.insert("level".to_owned(), level.as_str().into());
        line.insert("message".to_owned(), message.into());
        line.extend(fields);
        line.insert("target".to_owned(), env!("CARGO_CRATE_NAME").into());
        self.print(&format!("{}\n", Json::Object(line)));
    }

    /// The width of a table on standard output, in columns: that of the terminal, and for a program that reads along
    /// as wide as it gets, so that nothing is broken in the middle.
    pub fn table_width() -> usize {
        let stdout = console::Term::stdout();
        if stdout.is_term() {
            usize::from(stdout.size().1)
        } else {
            usize::from(u16::MAX)
        }
    }

    /// The width to write for on standard error, in columns.
    pub fn width(&self) -> usize {
        if self.interactive {
            usize::from(console::Term::stderr().size().1)
        } else {
            120
        }
    }
}

/// One log line.
pub struct Line {
    terminal: Terminal,
    bytes: Vec<u8>,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // One line: a line break in a foreign text would begin another one, which looks like ours.
        let text = String::from_utf8_lossy(&self.bytes);
        let text = self.terminal.mask.hide(&text);
        let line = text.trim_end_matches('\n').replace('\n', " ");
        self.terminal.print(&format!("{}\n", harmless(&line)));
    }
}

impl<'a> MakeWriter<'a> for Terminal {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            terminal: self.clone(),
            bytes: Vec::new(),
        }
    }
}
