//! Athena's SQL for the parser: Trino's, as far as the parser must know.

use sqlparser::ast::{DataType, Ident, ObjectName};
use sqlparser::dialect::Dialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use crate::athena::types::Type;

/// The SQL of Athena's queries.
#[derive(Debug)]
pub(crate) struct Athena;

impl Dialect for Athena {
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        // Backquotes are for DDL.
        ch == '"' || ch == '`'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || matches!(ch, '_' | '@' | '$')
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_within_after_array_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_unicode_string_literal(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_boolean_literals(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    /// Types with types inside are read here: the parser knows other spellings of them.
    fn parse_data_type(&self, parser: &mut Parser) -> Option<Result<DataType, ParserError>> {
        let first = match parser.peek_token().token {
            Token::Word(word) if word.quote_style.is_none() => word.value,
            _ => return None,
        };
        if !["row", "array", "map"]
            .iter()
            .any(|nested| first.eq_ignore_ascii_case(nested))
        {
            return None;
        }
        if parser.peek_nth_token(1).token != Token::LParen {
            return None;
        }
        parser.next_token();
        let (mut text, mut depth) = (first, 0_usize);
        loop {
            let token = parser.next_token().token;
            match token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                Token::EOF => break,
                _ => {}
            }
            text.push_str(&token.to_string());
            text.push(' ');
            if depth == 0 {
                break;
            }
        }
        Some(match Type::parse(&text) {
            Some(of) => Ok(DataType::Custom(
                ObjectName::from(vec![Ident::new(of.to_string())]),
                Vec::new(),
            )),
            None => Err(ParserError::ParserError(format!("Unknown type: {text}"))),
        })
    }
}
