//! Log lines on standard error, plain or JSON, that do not tear the progress display apart.

use std::io::{self, IsTerminal as _, Write};

use indicatif::{MultiProgress, ProgressDrawTarget};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::foreign::{harmless, harmless_lines};

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
    /// here, and none of it can steer the terminal.
    pub fn print(&self, text: &str) {
        let text = harmless_lines(text);
        self.bars.suspend(|| {
            let _ = io::stderr().lock().write_all(text.as_bytes());
        });
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
