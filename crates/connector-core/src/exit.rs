//! Exit codes.

use crate::slice::Outcome;

/// How a program ends. Stable between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every slice is complete, empty or skipped.
    Complete,
    /// A defect of the program.
    Defect,
    /// Wrong parameters or flags: nothing was attempted.
    Usage,
    /// Some slices have been collected, others failed; the ledger names them.
    Partial,
    /// Nothing was published: authentication or the listing failed, every slice did, or the disk.
    Failed,
    /// Another run is at work on the same files: nothing was attempted.
    InUse,
    /// The reader of standard output has gone before all was written: as SIGPIPE ends any program.
    ReaderGone,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
    /// SIGHUP: the terminal was closed.
    HungUp,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Complete => 0,
            Exit::Defect => 1,
            Exit::Usage => 2,
            Exit::Partial => 3,
            Exit::Failed => 4,
            Exit::InUse => 6,
            Exit::HungUp => 129,
            Exit::Interrupted => 130,
            Exit::ReaderGone => 141,
            Exit::Terminated => 143,
        }
    }

    /// What the ledger says of the run.
    pub fn outcome(self) -> &'static str {
        match self {
            Exit::Complete => "complete",
            Exit::Partial => "partial",
            Exit::Interrupted | Exit::Terminated | Exit::HungUp | Exit::ReaderGone => "interrupted",
            Exit::Defect | Exit::Usage | Exit::Failed | Exit::InUse => "failed",
        }
    }

    /// From the outcomes of all slices.
    pub fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let (mut collected, mut failed) = (false, false);
        for outcome in outcomes {
            collected |= outcome.is_collected();
            failed |= outcome.is_failure();
        }
        match (collected, failed) {
            (_, false) => Exit::Complete,
            (true, true) => Exit::Partial,
            (false, true) => Exit::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcomes_decide() {
        use Outcome::{Complete, Denied, Empty, Skipped, Throttled};
        for (outcomes, exit) in [
            (&[][..], Exit::Complete),
            (&[Complete, Empty, Skipped], Exit::Complete),
            (&[Skipped], Exit::Complete),
            (&[Complete, Denied], Exit::Partial),
            (&[Empty, Throttled], Exit::Partial),
            (&[Denied, Throttled], Exit::Failed),
            (&[Skipped, Denied], Exit::Failed),
        ] {
            assert_eq!(Exit::of(outcomes.iter().copied()), exit, "{outcomes:?}");
        }
    }
}
