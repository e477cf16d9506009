//! Answers in pages, followed from token to token, to an end that comes.

use std::error::Error as StdError;

use aws_smithy_async::future::pagination_stream::PaginationStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::AwsError;

/// More pages of one call do not come from AWS: a page has up to 1000 rows or instances.
pub const MOST_PAGES: usize = 1_000_000;

/// The pages of one call. No token is ignored: one that names its own page again, and a chain of tokens without an end,
/// are failures, not the end of what there is.
#[derive(Debug)]
pub struct Pages {
    service: &'static str,
    operation: &'static str,
    token: Option<String>,
    seen: usize,
    most: usize,
}

impl Pages {
    /// Before the first page of `operation`.
    pub fn of(service: &'static str, operation: &'static str) -> Self {
        Self::at_most(MOST_PAGES, service, operation)
    }

    fn at_most(most: usize, service: &'static str, operation: &'static str) -> Self {
        Pages {
            service,
            operation,
            token: None,
            seen: 0,
            most,
        }
    }

    /// What to ask the next page with; `None` for the first.
    pub fn token(&self) -> Option<String> {
        self.token.clone()
    }

    /// Takes the token that a page ends with. Whether another one follows.
    ///
    /// # Errors
    /// A page that names itself as the next one, and more pages than there can be: without an end, or with one that
    /// would look complete.
    pub fn next(&mut self, token: Option<String>) -> Result<bool, AwsError> {
        let token = token.filter(|token| !token.is_empty());
        self.seen += 1;
        if token.is_some() && token == self.token {
            let why = "a page names itself as the next page; the rest is missing";
            return Err(AwsError::answer(self.service, self.operation, why));
        }
        if token.is_some() && self.seen >= self.most {
            let why = format!("after {} pages another one follows: they have no end", self.most);
            return Err(AwsError::answer(self.service, self.operation, why));
        }
        self.token = token;
        Ok(self.token.is_some())
    }
}

/// Entries of a page of AWS Organizations at most, which gives 20.
const MOST_OF_A_PAGE: usize = 1000;
/// Entries of all pages of one list.
const MOST_OF_A_LIST: usize = 100_000;

/// The entries of all pages of the SDK's paginator; `split` tells those of a page, which stand in `member`, and the page's
/// token. The paginator ends in silence when a page names itself as the next one. At most `most` pages.
///
/// # Errors
/// A failed call, tokens without an end, and a page without `member`: that is not an empty one.
pub(crate) async fn collect<P, T, E>(
    most: usize,
    service: &'static str,
    operation: &'static str,
    member: &str,
    mut stream: PaginationStream<Result<P, SdkError<E, HttpResponse>>>,
    split: impl Fn(P) -> (Option<Vec<T>>, Option<String>),
) -> Result<Vec<T>, AwsError>
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let mut pages = Pages::at_most(most, service, operation);
    let mut all = Vec::new();
    while let Some(page) = stream.next().await {
        let (entries, token) = split(page.map_err(AwsError::of(service, operation))?);
        let entries = entries.ok_or_else(|| AwsError::missing(service, operation, member))?;
        if entries.len() > MOST_OF_A_PAGE || all.len() + entries.len() > MOST_OF_A_LIST {
            let why = format!(
                "the answer has {} {member} after {} others; AWS never gives more than {MOST_OF_A_PAGE} at a time, and \
                 {MOST_OF_A_LIST} together are more than are kept",
                entries.len(),
                all.len()
            );
            return Err(AwsError::answer(service, operation, why));
        }
        all.extend(entries);
        pages.next(token)?;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_sdk_organizations::operation::list_roots::ListRootsError;
    use aws_smithy_async::future::pagination_stream::fn_stream::FnStream;

    use super::*;

    fn some(token: &str) -> Option<String> {
        Some(token.to_owned())
    }

    #[test]
    fn pages_end_without_a_token() {
        let mut pages = Pages::of("ec2", "DescribeInstances");
        assert_eq!(pages.token(), None);
        assert!(pages.next(some("a")).unwrap());
        assert_eq!(pages.token(), some("a"));
        assert!(pages.next(some("b")).unwrap());
        assert!(!pages.next(some("")).unwrap());
        assert!(!Pages::of("ec2", "DescribeInstances").next(None).unwrap());
    }

    #[test]
    fn a_page_that_names_itself_is_a_failure() {
        let mut pages = Pages::of("ec2", "DescribeInstances");
        pages.next(some("a")).unwrap();
        let error = pages.next(some("a")).unwrap_err();
        assert!(error.message.contains("names itself"), "{error}");
    }

    #[test]
    fn tokens_without_an_end_come_to_one() {
        let mut pages = Pages::of("ec2", "DescribeInstances");
        let ended =
            (1..).find_map(|number: usize| pages.next(Some(number.to_string())).err().map(|error| (number, error)));
        let (number, error) = ended.unwrap();
        assert_eq!(number, MOST_PAGES);
        assert!(
            error.message.contains("after 1000000 pages another one follows"),
            "{error}"
        );
        // The last one that there may be is no failure.
        let mut pages = Pages::at_most(2, "ec2", "DescribeInstances");
        assert!(pages.next(some("a")).unwrap());
        assert!(!pages.next(None).unwrap());
    }

    /// Pages that have these tokens, then tokens without an end.
    fn stream(
        tokens: &'static [&'static str],
        endless: bool,
    ) -> PaginationStream<Result<String, SdkError<ListRootsError, HttpResponse>>> {
        PaginationStream::new(FnStream::new(move |sender| {
            Box::pin(async move {
                for token in tokens {
                    sender.send(Ok((*token).to_owned())).await.unwrap();
                }
                let mut number = 0;
                while endless && sender.send(Ok(number.to_string())).await.is_ok() {
                    number += 1;
                }
            })
        }))
    }

    #[tokio::test]
    async fn a_list_has_an_end_also_in_memory() {
        let of = async |entries: usize| {
            let pages = stream(&["a", "b", ""], false);
            let split = |page: String| (Some(vec![(); entries]), Some(page));
            collect(100, "organizations", "ListAccountsForParent", "Accounts", pages, split).await
        };
        assert_eq!(of(1000).await.unwrap().len(), 3000);
        let error = of(1001).await.unwrap_err();
        assert!(
            error.message.contains("AWS never gives more than 1000 at a time"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_paginator_is_followed_to_an_end_that_comes() {
        let followed = async |tokens, endless| {
            let pages = stream(tokens, endless);
            let split = |page: String| (Some(vec![page.clone()]), Some(page));
            collect(100, "organizations", "ListRoots", "Roots", pages, split).await
        };
        assert_eq!(followed(&["a", "b", ""], false).await.unwrap().len(), 3);
        let itself = followed(&["a", "a"], false).await.unwrap_err();
        assert!(itself.message.contains("names itself"), "{itself}");
        let endless = followed(&[], true).await.unwrap_err();
        assert!(
            endless.message.contains("after 100 pages another one follows"),
            "{endless}"
        );
        let silent = collect(
            100,
            "organizations",
            "ListRoots",
            "Roots",
            stream(&["a", ""], false),
            |page| (Some(page).filter(|page| page == "a").map(|page| vec![page]), None),
        );
        assert_eq!(silent.await.unwrap_err().message, "the answer has no Roots");
    }
}
