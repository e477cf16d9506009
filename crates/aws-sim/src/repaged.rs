//! Listings whose pages are wrong on purpose. Their tokens are `fault.<kind>.<number>.<true token>`: the true ones have no
//! dots, so a token of ours is known as such, also when the rule that made it does not act any more.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::faults::Action;
use crate::http::{Answer, Request};
use crate::params::Params;
use crate::protocol::Service;

/// In front of the page that the true token names; without one, the first.
const PAGE: &str = "page";
/// In a chain without an end.
const CHAIN: &str = "chain";

/// The token that a request came with.
#[derive(Debug, Default)]
pub(crate) struct Repaged {
    /// As it was sent.
    sent: Option<String>,
    /// As the service is to see it.
    rest: Option<String>,
    /// The kind and the number, where the token is one of ours.
    ours: Option<(String, u32)>,
}

impl Repaged {
    /// The token of a request; the request, and its parameters, as the service is to see them.
    pub(crate) fn open<'a>(service: Service, request: &'a Request, params: &mut Params) -> (Self, Cow<'a, Request>) {
        if service == Service::S3 {
            return (Self::default(), Cow::Borrowed(request));
        }
        let of_json = service.target_prefix().is_some();
        let mut json: Option<Json> = of_json.then(|| serde_json::from_slice(&request.body).ok()).flatten();
        let sent = match &json {
            Some(json) => json["NextToken"].as_str().map(str::to_owned),
            None => params.get("NextToken").map(str::to_owned),
        };
        let Some((kind, number, rest)) = sent.as_deref().and_then(parse) else {
            let repaged = Self {
                rest: sent.clone(),
                sent,
                ours: None,
            };
            return (repaged, Cow::Borrowed(request));
        };
        let repaged = Self {
            ours: Some((kind.to_owned(), number)),
            rest: (!rest.is_empty()).then(|| rest.to_owned()),
            sent: sent.clone(),
        };
        params.set("NextToken", rest);
        let mut request = request.clone();
        if let Some(Json::Object(members)) = &mut json {
            members.remove("NextToken");
            if let Some(rest) = &repaged.rest {
                members.insert("NextToken".to_owned(), rest.as_str().into());
            }
            request.body = Json::Object(members.clone()).to_string().into();
        }
        (repaged, Cow::Owned(request))
    }

    fn is(&self, kind: &str) -> bool {
        self.ours.as_ref().is_some_and(|(own, _)| own == kind)
    }

    /// A token of ours that leads to the page that was asked for.
    fn same_page(&self) -> String {
        format!("fault.{PAGE}.0.{}", self.rest.as_deref().unwrap_or_default())
    }
}

fn parse(token: &str) -> Option<(&str, u32, &str)> {
    let mut parts = token.strip_prefix("fault.")?.splitn(3, '.');
    Some((parts.next()?, parts.next()?.parse().ok()?, parts.next()?))
}

/// The answer as `action` has it.
pub(crate) fn altered(mut answer: Answer, action: Option<&Action>, asked: &Repaged) -> Answer {
    if let Some(Action::ContentType(other)) = action {
        answer.content_type = (*other).into();
        return answer;
    }
    if let Some(Action::Header(name, value)) = action {
        answer.headers.retain(|(known, _)| known != name);
        answer.headers.extend(value.map(|value| (*name, value.to_owned())));
        return answer;
    }
    let is_page_fault = matches!(
        action,
        Some(Action::EmptyPage | Action::RepeatToken | Action::EndlessTokens | Action::RepeatPage)
    );
    if !is_page_fault && !asked.is(CHAIN) {
        return answer;
    }
    let Some(mut page) = Page::read(&answer) else {
        return answer;
    };
    let next = page.token();
    match action {
        Some(Action::EmptyPage) if !asked.is(PAGE) => {
            page.empty();
            page.set_token(Some(asked.same_page()));
        }
        Some(Action::RepeatPage) if !asked.is(PAGE) => page.set_token(Some(asked.same_page())),
        Some(Action::RepeatToken) => match &asked.sent {
            Some(sent) => page.set_token(Some(sent.clone())),
            None if next.is_none() => page.set_token(Some(asked.same_page())),
            None => {}
        },
        Some(Action::EndlessTokens) => match &asked.ours {
            Some((kind, number)) if kind == CHAIN => {
                page.empty();
                let rest = asked.rest.as_deref().unwrap_or_default();
                page.set_token(Some(format!("fault.{CHAIN}.{}.{rest}", number + 1)));
            }
            _ => page.set_token(Some(format!("fault.{CHAIN}.1.{}", next.unwrap_or_default()))),
        },
        // The chain is let go of: behind its last page there is nothing.
        None if asked.rest.is_none() => {
            page.empty();
            page.set_token(None);
        }
        _ => {}
    }
    answer.body = page.write().into();
    answer
}

/// A page of a listing as it is on the wire.
enum Page {
    Json(Json),
    Xml(String),
}

/// Members with the entries of a page.
const ENTRIES: [&str; 4] = ["Accounts", "OrganizationalUnits", "Parents", "Roots"];
const XML_ENTRIES: &str = "reservationSet";

impl Page {
    fn read(answer: &Answer) -> Option<Self> {
        if answer.status != 200 {
            return None;
        }
        match serde_json::from_slice(&answer.body) {
            Ok(json) => Some(Self::Json(json)),
            Err(_) => Some(Self::Xml(String::from_utf8(answer.body.to_vec()).ok()?)),
        }
    }

    fn token(&self) -> Option<String> {
        match self {
            Self::Json(json) => json["NextToken"].as_str().map(str::to_owned),
            Self::Xml(xml) => inside(xml, "nextToken").map(|(from, to)| xml[from..to].to_owned()),
        }
    }

    fn set_token(&mut self, token: Option<String>) {
        match self {
            Self::Json(json) => json["NextToken"] = token.into(),
            Self::Xml(xml) => {
                if let Some((from, to)) = inside(xml, "nextToken") {
                    xml.replace_range(from - "<nextToken>".len()..to + "</nextToken>".len(), "");
                }
                if let (Some(token), Some(end)) = (token, xml.rfind("</")) {
                    xml.insert_str(end, &format!("<nextToken>{token}</nextToken>"));
                }
            }
        }
    }

    fn empty(&mut self) {
        match self {
            Self::Json(json) => {
                for name in ENTRIES {
                    if json[name].is_array() {
                        json[name] = Json::Array(Vec::new());
                    }
                }
                if json["ResultSet"]["Rows"].is_array() {
                    json["ResultSet"]["Rows"] = Json::Array(Vec::new());
                }
            }
            Self::Xml(xml) => {
                if let Some((from, to)) = inside(xml, XML_ENTRIES) {
                    xml.replace_range(from..to, "");
                }
            }
        }
    }

    fn write(self) -> String {
        match self {
            Self::Json(json) => json.to_string(),
            Self::Xml(xml) => xml,
        }
    }
}

/// Where the content of the outermost element of this name stands.
fn inside(xml: &str, name: &str) -> Option<(usize, usize)> {
    let from = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let to = xml.rfind(&format!("</{name}>"))?;
    (from <= to).then_some((from, to))
}
