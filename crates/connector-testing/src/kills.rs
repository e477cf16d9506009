//! Kills a program at a moment of its run.

use std::time::Duration;

use crate::{Outcome, Program, Running, Sim};

impl<P: Program> Running<'_, P> {
    /// Kills the process, unless it has ended before.
    pub fn kill_after(mut self, moment: Duration) -> Outcome {
        std::thread::sleep(moment);
        self.child.kill().unwrap();
        self.finish()
    }

    /// Kills the process as soon as `what` holds, unless it has ended before.
    pub fn kill_when(mut self, what: impl Fn(&Sim) -> bool) -> Outcome {
        while !what(self.run.sim) && self.child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(500));
        }
        self.kill_after(Duration::ZERO)
    }
}
