//! Programs under limits and with streams that a shell sets before it becomes the program.

use std::process::Command;

use crate::{Program, Run};

impl<P: Program> Run<'_, P> {
    /// Starts the program from a shell that has done this first: `ulimit -n 64`, `exec >/dev/full`.
    pub fn under(mut self, shell: &str) -> Self {
        self.shell = Some(shell.to_owned());
        self
    }
}

/// The command that becomes the program at `path`.
pub(crate) fn program(path: &str, shell: Option<&str>) -> Command {
    let Some(shell) = shell else { return Command::new(path) };
    let mut command = Command::new("sh");
    command.args(["-ec", &format!("{shell}\nexec \"$0\" \"$@\""), path]);
    command
}
