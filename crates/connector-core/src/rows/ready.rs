//! A large table that is alone in the spool is the output as it stands there: its rows are behind the output's head, and
//! digested, and put on the disk, while they are kept.

use std::io;

use super::digest::DigestThread;
use super::spool::{Ready, Run, Spool};
use super::writeback::Writeback;

/// Pieces that wait to be digested: one, while the next is being made. Digesting is faster than what rows come from.
const WAITING: usize = 1;

/// What is to be [`Ready`], while rows are kept.
#[derive(Debug)]
pub(super) struct Readying {
    head: Vec<u8>,
    bytes: u64,
    digest: DigestThread,
    writeback: Writeback,
}

impl Readying {
    /// Keeps the head before all rows. `None`: the spool is not empty, or its file cannot become the output.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(super) fn begin(spool: &Spool, head: Vec<u8>) -> io::Result<Option<Self>> {
        let Some(path) = spool.keep_first(&head)? else {
            return Ok(None);
        };
        // Without a thread rows are published as others are.
        let Ok(digest) = DigestThread::start(WAITING) else {
            return Ok(None);
        };
        let first = digest.take(head.clone());
        Ok(first.is_ok().then(|| Readying {
            bytes: head.len() as u64,
            head,
            digest,
            writeback: Writeback::new(path),
        }))
    }

    /// Takes the rows that are kept as `run`, and gives a buffer for more. `None`: others' rows came in between.
    pub(super) fn follow(&mut self, run: &Run, rows: Vec<u8>) -> Option<Vec<u8>> {
        if run.offset() != self.bytes {
            return None;
        }
        self.bytes += rows.len() as u64;
        self.writeback.written(rows.len() as u64);
        self.digest.take(rows).ok()
    }

    /// All rows are kept.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub(super) fn finish(self) -> io::Result<Option<Ready>> {
        self.writeback.finish()?;
        Ok(self.digest.finish().ok().map(|sha256| Ready {
            sha256,
            head: self.head,
            bytes: self.bytes,
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs::{self, File, Metadata, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use auth_core::{Account, AccountId};
    use sha2::{Digest as _, Sha256};
    use tempfile::TempDir;

    use super::super::digest::hex;
    use super::super::publish::{Output, Published, write_beside};
    use super::super::spool::SpooledTable;
    use super::super::writer::{RowWriter, Rows, SliceRows};
    use super::super::{Format, RowSource as _};
    use super::*;
    use crate::slice::Facts;
    use crate::table::{Heading, Kind, Value};

    /// Rows of more than is kept in memory, several times over.
    const MANY: usize = 3000;

    /// A run, its spool, and where its output goes.
    struct Bench {
        directory: TempDir,
        rows: Rows,
        format: Format,
    }

    impl Bench {
        fn new(format: Format) -> Self {
            let directory = TempDir::new().unwrap();
            fs::create_dir(directory.path().join("state")).unwrap();
            let path = directory.path().join("state/rows");
            let mut options = File::options();
            let file = options.read(true).write(true).create_new(true).open(&path).unwrap();
            let spool = Spool::in_file(file, &directory.path().join("state"), 0).unwrap();
            Bench {
                rows: Rows::new(format, &["region".to_owned()], Arc::new(spool.at(path))).in_place(true),
                directory,
                format,
            }
        }

        fn slice(&self) -> SliceRows {
            let account = Account::unnamed(AccountId::parse("000000000001").unwrap(), false);
            self.rows.of_slice(&account, "eu-central-1", "now", &Facts::default())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn metadata(&self, name: &str) -> Metadata {
            fs::metadata(self.path(name)).unwrap()
        }

        fn output(&self, name: &str, tables: Vec<SpooledTable>) -> Output {
            let columns = self.rows.leading.iter().chain(tables[0].columns.iter());
            Output {
                path: Some(self.path(name)),
                columns: columns.cloned().collect(),
                tables,
            }
        }

        /// Puts the output into its place; whether it is the spool's own file.
        fn published(&self, output: &Output, in_place: bool) -> (Published, bool) {
            let (workspace, stop) = (self.path("state"), AtomicBool::default());
            let (spool, mut stdout) = (&*self.rows.spool, io::sink());
            let written = write_beside(
                output,
                self.format,
                spool,
                Some(&workspace),
                in_place,
                &mut stdout,
                &stop,
            )
            .unwrap();
            written.file.unwrap().put().unwrap();
            let path = output.path.as_deref().unwrap();
            let is_the_same = fs::metadata(path).unwrap().ino() == self.metadata("state/rows").ino();
            let bytes = fs::read(path).unwrap();
            let digest = hex(&Sha256::digest(&bytes));
            assert_eq!(
                (written.published.bytes, &written.published.sha256),
                (bytes.len() as u64, &digest)
            );
            (written.published, is_the_same)
        }

        /// A large table, alone in the spool.
        fn large(&self) -> SpooledTable {
            let mut slice = self.slice();
            fill(slice.begin(1, columns()), MANY, 'a');
            slice.finish().unwrap().remove(0)
        }

        /// Asserts that the rows of the table are copied, and that they are what they are.
        fn assert_copied(&self, table: &SpooledTable, letters: &str, why: &str) {
            let output = self.output("rows", vec![table.clone()]);
            assert!(!self.published(&output, true).1, "{why}");
            let text = fs::read_to_string(self.path("rows")).unwrap();
            let found: String = text.lines().filter_map(letter).collect();
            assert!(found == letters, "{why}");
        }
    }

    fn columns() -> Vec<Heading> {
        vec![Heading::new("n", Kind::Integer), Heading::new("text", Kind::Text)]
    }

    /// So many rows, each of more than 1000 bytes.
    fn fill(table: &mut RowWriter, count: usize, letter: char) {
        let text = String::from(letter).repeat(1000);
        for number in 0..count {
            let cells = |row: &mut super::super::Row<'_>| {
                row.cell(&Value::Integer(i64::try_from(number).unwrap()));
                row.cell(&Value::Text(text.as_str().into()));
                Ok(())
            };
            table.push(cells).unwrap();
        }
    }

    /// What a row is filled with; `None` for a line that is none.
    fn letter(line: &str) -> Option<char> {
        let at = line.find("eu-central-1")?;
        line[at..].trim_end_matches(['"', '}', ']', ',']).chars().last()
    }

    #[test]
    fn a_large_table_that_is_alone_is_the_output_where_it_is_kept() {
        for format in [Format::Csv, Format::Jsonl] {
            let bench = Bench::new(format);
            let table = bench.large();
            let ready = table.ready.clone().unwrap();
            assert_eq!(ready.bytes, bench.metadata("state/rows").len());
            let (output, copy) = (
                bench.output("rows", vec![table.clone()]),
                bench.output("copy", vec![table]),
            );
            let (copied, is_the_same) = bench.published(&copy, false);
            assert!(!is_the_same, "it was not to be");
            let (published, is_the_same) = bench.published(&output, true);
            assert!(is_the_same, "{format:?}");
            assert_eq!(
                (published.bytes, &published.sha256, published.rows, published.format),
                (copied.bytes, &copied.sha256, MANY as u64, format.name())
            );
            assert!(fs::read(bench.path("rows")).unwrap() == fs::read(bench.path("copy")).unwrap());
            assert_eq!(bench.metadata("rows").mode() & 0o7777, 0o644);
            // A run that was killed here leaves the file under two names; nobody takes a third.
            assert_eq!(bench.metadata("rows").nlink(), 2);
            assert!(!bench.published(&copy, true).1);
        }
    }

    #[test]
    fn other_tables_are_not_ready() {
        for format in [Format::Json, Format::Parquet] {
            assert_eq!(Bench::new(format).large().ready, None, "{format:?}");
        }
        let bench = Bench::new(Format::Csv);
        let mut slice = bench.slice();
        fill(slice.begin(1, columns()), 300, 'a');
        let table = slice.finish().unwrap().remove(0);
        assert_eq!(table.ready, None, "a small one");
        bench.assert_copied(&table, &"a".repeat(300), "a small one");

        let bench = Bench::new(Format::Csv);
        let mut slice = bench.slice();
        let mut keyed = columns();
        keyed[0].key = true;
        fill(slice.begin(1, keyed), 3 * MANY, 'a');
        assert_eq!(slice.finish().unwrap()[0].ready, None, "a sorted one");

        let mut bench = Bench::new(Format::Csv);
        bench.rows = bench.rows.in_place(false);
        assert_eq!(bench.large().ready, None, "it was not to be");

        let mut bench = Bench::new(Format::Csv);
        bench.rows.spool = Arc::new(Spool::new(bench.directory.path()).unwrap());
        assert_eq!(bench.large().ready, None, "a file without a name");
        assert!(
            bench
                .rows
                .spool
                .file_of(&Ready {
                    head: Vec::new(),
                    bytes: 0,
                    sha256: String::new()
                })
                .is_none()
        );
    }

    /// What an earlier way of fetching has brought stays in the spool.
    #[test]
    fn a_table_that_is_begun_anew_is_not_ready() {
        for format in [Format::Csv, Format::Jsonl] {
            let bench = Bench::new(format);
            let mut slice = bench.slice();
            fill(slice.begin(1, columns()), MANY, 'a');
            fill(slice.begin(1, columns()), MANY, 'b');
            let table = slice.finish().unwrap().remove(0);
            assert_eq!(table.ready, None, "{format:?}");
            bench.assert_copied(&table, &"b".repeat(MANY), "begun anew");
            // One that had brought next to nothing does no harm.
            let bench = Bench::new(format);
            let mut slice = bench.slice();
            fill(slice.begin(1, columns()), 1, 'a');
            fill(slice.begin(1, columns()), MANY, 'b');
            let table = slice.finish().unwrap().remove(0);
            assert!(
                bench.published(&bench.output("rows", vec![table]), true).1,
                "{format:?}"
            );
        }
    }

    #[test]
    fn rows_of_others_make_a_table_a_part() {
        for format in [Format::Csv, Format::Jsonl] {
            // Others come in between, in front, and behind.
            let bench = Bench::new(format);
            let (mut first, mut second) = (bench.slice(), bench.slice());
            fill(first.begin(1, columns()), MANY / 2, 'a');
            fill(second.begin(1, columns()), MANY, 'b');
            fill(first.table(1).unwrap(), MANY / 2, 'a');
            let (first, second) = (first.finish().unwrap().remove(0), second.finish().unwrap().remove(0));
            assert_eq!((&first.ready, &second.ready), (&None, &None), "{format:?}");
            bench.assert_copied(&first, &"a".repeat(MANY), "with others in between");
            bench.assert_copied(&second, &"b".repeat(MANY), "behind others");

            let bench = Bench::new(format);
            let first = bench.large();
            let mut slice = bench.slice();
            fill(slice.begin(2, columns()), 1, 'b');
            let second = slice.finish().unwrap().remove(0);
            assert!(first.ready.is_some(), "nobody knows yet");
            bench.assert_copied(&first, &"a".repeat(MANY), "with others behind it");
            let both = bench.output("both", vec![first, second]);
            assert!(!bench.published(&both, true).1);
        }
    }

    #[test]
    fn what_cannot_be_the_output_is_copied() {
        let bench = Bench::new(Format::Csv);
        let table = bench.large();
        let all = "a".repeat(MANY);
        let mut output = bench.output("rows", vec![table.clone()]);
        output.columns[1].name = "m".to_owned();
        assert!(!bench.published(&output, true).1, "another head");
        let text = fs::read_to_string(bench.path("rows")).unwrap();
        assert!(text.starts_with("region,m,text\n"));

        // Another table in the same file, which has no rows.
        let mut empty = table.clone();
        empty.runs.clear();
        let output = bench.output("rows", vec![table.clone(), empty]);
        assert!(!bench.published(&output, true).1);

        // Whoever goes on with the run writes to the file.
        fs::set_permissions(bench.path("rows"), Permissions::from_mode(0o444)).unwrap();
        bench.assert_copied(&table, &all, "read-only");
        assert_eq!(bench.metadata("rows").mode() & 0o7777, 0o444);
        fs::set_permissions(bench.path("rows"), Permissions::from_mode(0o644)).unwrap();

        // Another name, another file, no file.
        fs::hard_link(bench.path("state/rows"), bench.path("backup")).unwrap();
        bench.assert_copied(&table, &all, "two names");
        fs::remove_file(bench.path("backup")).unwrap();
        fs::rename(bench.path("state/rows"), bench.path("elsewhere")).unwrap();
        fs::write(bench.path("state/rows"), "of somebody else").unwrap();
        bench.assert_copied(&table, &all, "another file");
        fs::rename(bench.path("elsewhere"), bench.path("state/rows")).unwrap();

        let names = fs::read_dir(bench.path("state")).unwrap();
        assert_eq!(names.count(), 1, "what was not taken is gone");
        assert!(bench.published(&bench.output("rows", vec![table]), true).1);
    }

    #[test]
    fn a_place_is_what_it_was() {
        let bench = Bench::new(Format::Csv);
        let table = bench.large();
        fs::write(bench.path("old"), "previous").unwrap();
        fs::set_permissions(bench.path("old"), Permissions::from_mode(0o640)).unwrap();
        symlink("old", bench.path("rows")).unwrap();
        let output = bench.output("rows", vec![table]);

        let stopped = AtomicBool::new(true);
        let (workspace, spool) = (bench.path("state"), &*bench.rows.spool);
        let (workspace, mut stdout) = (Some(&*workspace), io::sink());
        let written = write_beside(&output, Format::Csv, spool, workspace, true, &mut stdout, &stopped);
        assert!(written.unwrap_err().to_string().ends_with("interrupted"));
        let written = write_beside(
            &output,
            Format::Csv,
            spool,
            workspace,
            true,
            &mut stdout,
            &AtomicBool::default(),
        );
        assert_eq!(bench.metadata("state/rows").nlink(), 2, "beside its place");
        drop(written.unwrap());
        assert_eq!(bench.metadata("state/rows").nlink(), 1, "not put there");
        assert_eq!(fs::read(bench.path("old")).unwrap(), b"previous");

        assert!(bench.published(&output, true).1);
        assert_eq!(fs::read_link(bench.path("rows")).unwrap(), Path::new("old"));
        assert_eq!(bench.metadata("old").mode() & 0o7777, 0o640);

        let missing = bench.output("missing/rows", output.tables.clone());
        fs::remove_file(bench.path("old")).unwrap();
        assert!(bench.published(&missing, true).1, "its directory is made");
        fs::create_dir(bench.path("directory")).unwrap();
        let refused = bench.output("directory", output.tables.clone());
        let refused = write_beside(
            &refused,
            Format::Csv,
            spool,
            workspace,
            true,
            &mut stdout,
            &AtomicBool::default(),
        );
        assert!(refused.unwrap_err().to_string().ends_with("it is no regular file"));
    }
}
