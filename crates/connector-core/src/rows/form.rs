//! What tables of the same columns share, whichever slices they are of: the columns' names, and how their cells are encoded.
//! A run may have a hundred thousand slices.

use std::sync::{Arc, Mutex, PoisonError};

use super::encode::{Encoder, Format, Formulas, defused};
use super::leading;
use crate::table::Heading;

/// Different forms that are looked through for that of a table; results of queries may all have their own.
const MOST_SHARED: usize = 64;

/// The form of a table.
#[derive(Debug)]
pub(super) struct Form {
    /// The columns that it was asked for.
    given: Vec<Heading>,
    /// Those that have another name than was asked for, and which.
    pub(super) renamed: Vec<(String, String)>,
    /// The columns, behind the leading ones.
    pub(super) columns: Arc<[Heading]>,
    /// Whether there is a key, by which rows are sorted.
    pub(super) sorted: bool,
    pub(super) encoder: Encoder,
}

impl Form {
    pub(super) fn new(format: Format, formulas: Formulas, leading: &[Heading], given: Vec<Heading>) -> Self {
        let mut columns = given.clone();
        let renamed = leading::distinct(leading, &mut columns);
        if formulas == Formulas::Defused && format == Format::Csv {
            for column in &mut columns {
                column.name = defused(&column.name, true).into_owned();
            }
        }
        Form {
            given,
            renamed,
            sorted: columns.iter().any(|column| column.key),
            encoder: Encoder::new(format, leading, &columns, formulas),
            columns: columns.into(),
        }
    }
}

/// The forms of a run's tables so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Forms(Arc<Mutex<Vec<Arc<Form>>>>);

impl Forms {
    /// The form of the columns that `is` recognizes, or the one that `new` makes.
    pub(super) fn of(&self, is: impl Fn(&[Heading]) -> bool, new: impl FnOnce() -> Form) -> Arc<Form> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(form) = known.iter().find(|form| is(&form.given)) {
            return Arc::clone(form);
        }
        let form = Arc::new(new());
        if known.len() < MOST_SHARED {
            known.push(Arc::clone(&form));
        }
        form
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::table::Kind;

    #[test]
    fn the_same_columns_have_the_same_form() {
        let forms = Forms::default();
        let form = |name: &str| {
            let columns = vec![Heading::new(name, Kind::Text), Heading::new("b", Kind::Integer)];
            let new = || Form::new(Format::Csv, Formulas::Kept, &[], columns.clone());
            forms.of(|given| given == columns, new)
        };
        let first = form("a");
        assert!(Arc::ptr_eq(&first, &form("a")));
        assert_eq!(form("c").columns[0].name, "c");
        for number in 0..2 * MOST_SHARED {
            assert_eq!(form(&number.to_string()).columns[0].name, number.to_string());
        }
        assert!(Arc::ptr_eq(&first, &form("a")));
        assert_eq!(forms.0.lock().unwrap().len(), MOST_SHARED);
    }

    #[test]
    fn what_was_asked_for_is_recognized_under_other_names() {
        let forms = Forms::default();
        let leading = [Heading::new("region", Kind::Text)];
        let columns = vec![Heading::new("region", Kind::Text), Heading::new("=a", Kind::Text)];
        let form = || {
            let new = || Form::new(Format::Csv, Formulas::Defused, &leading, columns.clone());
            forms.of(|given| given == columns, new)
        };
        let first = form();
        assert!(Arc::ptr_eq(&first, &form()));
        assert_eq!(first.renamed, [("region".to_owned(), "region_2".to_owned())]);
        assert_eq!(first.columns[1].name, "'=a");
    }
}
