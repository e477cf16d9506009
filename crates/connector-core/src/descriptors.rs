//! How many files the process may have open, connections among them: as many as it is allowed to, and work that fits in.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::settings::Settings;

/// Files that are open besides connections and temporary files: standard streams, the runtime's, the state, what is being
/// published, commands that give secrets.
const OTHERS: u64 = 24;
/// Descriptors of a temporary file that is being read: readers have handles of their own.
const OF_SCRATCH: u64 = 3;
/// Hosts to which connections are kept for a while: a service has one in every region.
const HOSTS: u64 = 20;
/// Nothing here needs more. Programs that are started from here inherit the limit, and some close every number below it.
const ENOUGH: u64 = 65_536;

/// Raises the limit as far as may be, and gives what it is then; `None`: there is none.
pub(crate) fn raised() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(ENOUGH, |most| most.min(ENOUGH));
    if current.is_none_or(|current| current >= wanted) {
        return current;
    }
    let raised = Rlimit {
        current: Some(wanted),
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => Some(wanted),
        Err(_) => current,
    }
}

/// Makes work of `settings` fit into so many open files. Whether connections must not be kept when they are idle.
pub(crate) fn fit(settings: &mut Settings, files: u64) -> bool {
    let whole = |count: u64| usize::try_from(count.max(1)).unwrap_or(usize::MAX);
    let wanted = settings.max_concurrency;
    if files >= OTHERS + HOSTS * wanted as u64 {
        return false;
    }
    // Half for connections, a third for temporary files, the rest for names that are looked up.
    let room = files.saturating_sub(OTHERS);
    settings.scratch_files = Some(whole(room / 3 / OF_SCRATCH));
    settings.max_concurrency = wanted.min(whole(room / 2));
    if settings.max_concurrency < wanted {
        settings.warnings.push(format!(
            "max_concurrency is {} instead of {wanted}: this process may have {files} files open, connections among them; \
             raise the limit (ulimit -n, LimitNOFILE=)",
            settings.max_concurrency
        ));
    }
    true
}
