//! Sleeps of runs inside a test's process: pauses that take no time, and limits that stay what they are.

use std::time::Duration;

use auth_core::host::AsyncSleep;
use aws_smithy_async::rt::sleep::Sleep;

/// Whether a sleep is the limit of a call and not a pause: the limits are round numbers, pauses have jitter.
pub fn is_limit(duration: Duration) -> bool {
    [5, 30, 60, 180].contains(&duration.as_secs()) && duration.subsec_nanos() == 0
}

/// Whether the sleep is a deadline that no case waits for, such as that of a run.
pub fn is_far(duration: Duration) -> bool {
    duration >= Duration::from_secs(3000)
}

/// Pauses between tries take no time; limits stay what they are.
#[derive(Debug)]
pub struct Hardly;

impl AsyncSleep for Hardly {
    fn sleep(&self, duration: Duration) -> Sleep {
        let real = if is_limit(duration) || is_far(duration) {
            duration
        } else {
            Duration::from_millis(1)
        };
        Sleep::new(tokio::time::sleep(real))
    }
}

/// The limits of calls are a fiftieth of what they are, pauses take no time.
#[derive(Debug)]
pub struct Impatient;

impl AsyncSleep for Impatient {
    fn sleep(&self, duration: Duration) -> Sleep {
        let real = if is_far(duration) {
            duration
        } else if is_limit(duration) {
            duration / 50
        } else {
            Duration::from_millis(1)
        };
        Sleep::new(tokio::time::sleep(real))
    }
}

/// Everything takes so many times less than it says: beside [`aws_sim::Clock::fast`], a run with all its pauses and limits
/// as they are, in less time.
#[derive(Debug)]
pub struct Faster(pub u32);

impl AsyncSleep for Faster {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(tokio::time::sleep(duration / self.0))
    }
}
