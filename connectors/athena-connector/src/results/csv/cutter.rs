//! Where a file can be cut, so that its parts can be read side by side.

use memchr::{memchr_iter, memchr2_iter};

/// Finds ends of records without reading the records. Outside of quotes a line break ends one, and a place is outside of them
/// where an even number of quotes stands before it, since those inside of values are doubled.
///
/// That holds as far as a file follows the grammar. What is cut behind that is not cut well, and does not matter: whoever reads
/// the parts in order comes to the fault first.
#[derive(Debug, Default)]
pub struct Cutter {
    /// Whether what comes next is within quotes.
    quoted: bool,
    /// Bytes since the last cut.
    length: usize,
}

impl Cutter {
    /// Takes the file's next bytes, cut anywhere. If what has come since the last cut is `least` bytes, and records end among
    /// these: the place behind the last that does, where the file is cut now. Also where there is surely a record of more than
    /// `largest` bytes, which nobody reads to its end.
    pub fn cut(&mut self, bytes: &[u8], least: usize, largest: usize) -> Option<usize> {
        self.quoted ^= memchr_iter(b'"', bytes).count() % 2 == 1;
        self.length = self.length.saturating_add(bytes.len());
        if self.length < least {
            return None;
        }
        let mut quoted = self.quoted;
        for at in memchr2_iter(b'"', b'\n', bytes).rev() {
            match bytes[at] {
                b'"' => quoted = !quoted,
                _ if quoted => {}
                _ => {
                    self.length = bytes.len() - at - 1;
                    return Some(at + 1);
                }
            }
        }
        // Records that end before `least` bytes may stand before it.
        let is_too_large = self.length > largest.saturating_add(least);
        is_too_large.then(|| {
            self.length = 0;
            bytes.len()
        })
    }
}
