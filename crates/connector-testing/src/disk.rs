//! Disks of a test's own: small, full or read-only ones, in a mount namespace that ends with the test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use tempfile::TempDir;

/// Set in the process that is in a namespace.
const INSIDE: &str = "CONNECTOR_TESTS_IN_A_NAMESPACE";
/// Leaves out, and says so, what needs a namespace.
const LEAVE_OUT: &str = "WITHOUT_NAMESPACES";

/// Runs `test` in a mount namespace, as one who may mount there: in another process, which runs the test of this name.
pub fn in_a_namespace(name: &str, test: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return test();
    }
    // What everybody may where the system lets them, and what root may.
    let ways: [&[&str]; 2] = [&["--mount", "--map-root-user"], &["--mount"]];
    let mounts = ["mount", "-t", "tmpfs", "tmpfs"];
    let works = |way: &&&[&str]| {
        let mut command = Command::new("unshare");
        command.args(**way).args(mounts).arg(env::temp_dir());
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let Some(way) = ways.iter().find(works) else {
        assert!(
            env::var_os(LEAVE_OUT).is_some(),
            "nobody may mount here (unshare --mount --map-root-user), so no disk can be made full: run the test as root, \
             or leave it out with {LEAVE_OUT}=1"
        );
        #[allow(clippy::print_stderr)]
        {
            eprintln!("{name} IS LEFT OUT: nobody may mount here");
        }
        return;
    };
    let mut command = Command::new("unshare");
    command.args(*way).arg(env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]);
    let output = command.env(INSIDE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    #[allow(clippy::print_stderr)]
    {
        eprintln!("{said}");
    }
}

/// A disk in memory, until it is dropped. Only [`in_a_namespace`].
pub struct Disk(TempDir);

impl Disk {
    /// `options` as of tmpfs: `size=64k`, `nr_inodes=10`.
    pub fn new(options: &str) -> Self {
        let directory = TempDir::new().unwrap();
        mount(&["-t", "tmpfs", "-o", options, "tmpfs"], directory.path());
        Disk(directory)
    }

    /// Other options for the same disk: `size=1g`, `ro`.
    pub fn remount(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}")], self.0.path());
    }

    pub fn directory(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Everything on it, in order, with `/` behind directories.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut directories = vec![self.0.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(self.0.path()).unwrap().display().to_string();
                if path.is_dir() {
                    names.push(format!("{name}/"));
                    directories.push(path);
                } else {
                    names.push(name);
                }
            }
        }
        names.sort();
        names
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn mount(arguments: &[&str], place: &Path) {
    let output = Command::new("mount").args(arguments).arg(place).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "mount {arguments:?}: {said}");
}
