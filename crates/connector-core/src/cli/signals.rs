//! Signals. They are heard from the first instant on, until the process ends.

use futures::Stream;

use crate::exit::Exit;

/// A write beyond a limit on file sizes. Its number is the same on Linux and macOS.
/// <https://man7.org/linux/man-pages/man7/signal.7.html>
const FILE_TOO_LARGE: i32 = 25;

/// Those that end a run. To be called in a runtime.
pub(super) fn signals() -> impl Stream<Item = Exit> + Send {
    use tokio::signal::unix::{SignalKind, signal};
    // Heard, it does not kill the process: the write fails, and the run says why.
    let _ = signal(SignalKind::from_raw(FILE_TOO_LARGE));
    let hangup = hangup_is_heeded().then(|| signal(SignalKind::hangup()).ok()).flatten();
    let listeners = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), hangup);
    futures::stream::unfold(listeners, |mut listeners| async move {
        let (Ok(interrupt), Ok(terminate)) = (&mut listeners.0, &mut listeners.1) else {
            return std::future::pending().await;
        };
        let hangup = async {
            match &mut listeners.2 {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let exit = tokio::select! {
            _ = interrupt.recv() => Exit::Interrupted,
            _ = terminate.recv() => Exit::Terminated,
            _ = hangup => Exit::HungUp,
        };
        Some((exit, listeners))
    })
}

/// Whether the end of the terminal is to end the run. `nohup` has the signal ignored, and whoever listens to it would undo
/// that. Other systems than Linux do not tell: there a run always ends in order, and needs another way than `nohup` to go on.
fn hangup_is_heeded() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    // https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_none_or(|mask| mask & 1 == 0)
}
