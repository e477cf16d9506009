//! The memory of a program under way, as a core dump would have it.

use std::fs;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

use super::forms::forms;
use super::{PATIENCE, Program, Running, before};

impl<P: Program> Running<'_, P> {
    /// All that the program can write to: heap, stacks, statics. Needs Linux.
    pub fn memory(&self) -> Vec<u8> {
        let process = format!("/proc/{}", self.child.id());
        let maps = fs::read_to_string(format!("{process}/maps")).unwrap();
        let memory = File::open(format!("{process}/mem")).unwrap();
        let mut bytes = Vec::new();
        for line in maps.lines() {
            let mut words = line.split_whitespace();
            let (range, rights) = (words.next().unwrap(), words.next().unwrap());
            if !rights.starts_with("rw") {
                continue;
            }
            let (from, to) = range.split_once('-').unwrap();
            let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
            let start = bytes.len();
            bytes.resize(start + usize::try_from(to - from).unwrap(), 0);
            // A mapping may go away meanwhile; what is read of it counts.
            let _ = memory.read_exact_at(&mut bytes[start..], from);
        }
        bytes
    }

    /// Where a secret is found in the program's memory, in any form in which it is sent or written: what stands before
    /// it.
    pub fn found_in_memory(&self, secrets: &[&str]) -> Vec<String> {
        let memory = self.memory();
        let secrets: Vec<String> = secrets.iter().map(|&secret| secret.to_owned()).collect();
        let mut found = Vec::new();
        let encoded = secrets.iter().flat_map(|secret| in_base64(secret));
        for form in forms(&secrets).into_iter().chain(encoded) {
            for at in memmem::find_iter(&memory, form.as_bytes()) {
                let context = String::from_utf8_lossy(&memory[at.saturating_sub(120)..at]).into_owned();
                found.push(format!("{form:?} after {:?}", before(&context, context.len())));
            }
        }
        found
    }

    /// Waits until none of `secrets` is in the program's memory: connections and tasks that are let go need a moment.
    pub fn wait_until_forgotten(mut self, secrets: &[&str]) -> Self {
        let start = Instant::now();
        loop {
            assert!(self.child.try_wait().unwrap().is_none(), "the program has ended");
            let found = self.found_in_memory(secrets);
            if found.is_empty() {
                return self;
            }
            assert!(start.elapsed() < PATIENCE / 6, "still in memory: {found:#?}");
        }
    }

    /// Waits for the first byte of the rows: all that was to be asked has been asked.
    pub fn wait_for_rows(mut self) -> Self {
        use std::io::Read as _;
        let stdout = self.child.stdout.as_mut().unwrap();
        stdout.read_exact(&mut [0]).unwrap();
        self
    }
}

/// What base64 makes of the secret within a longer text, at each of the three places where it may begin; without the
/// characters that its neighbours have a part in.
fn in_base64(secret: &str) -> [String; 3] {
    [0, 1, 2].map(|shift| {
        let text = [&vec![b' '; shift][..], secret.as_bytes()].concat();
        let encoded = STANDARD.encode(&text);
        encoded[(shift * 8).div_ceil(6)..text.len() * 8 / 6].to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_found_wherever_it_begins() {
        for front in ["", "a", "ab", "abc"] {
            let encoded = STANDARD.encode(format!("{front}hush-hush-1:rest"));
            assert!(
                in_base64("hush-hush-1").iter().any(|form| encoded.contains(form)),
                "{front}"
            );
            assert!(
                in_base64("hush-hash-1").iter().all(|form| !encoded.contains(form)),
                "{front}"
            );
        }
    }
}
