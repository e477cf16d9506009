//! Expressions.

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, CeilFloorKind, DateTimeField, Expr, Ident, InTarget, OrderByExpr,
    Spanned as _, Subscript, TrimWhereField, UnaryOperator, Value, ValueWithSpan, WindowSpec,
};

use super::compile::{Compiler, direction};
use super::errors::{Failed, at};
use super::kinds::{arithmetic, common};
use super::scope::{Bound, Scope, literal};
use crate::athena::read;
use crate::athena::types::{TEXT, Type};

impl Compiler<'_> {
    /// An expression in SQLite's SQL.
    pub(super) fn expression(&mut self, expression: &Expr, scope: &Scope<'_>) -> Result<Bound, Failed> {
        let before = self.level.bare;
        let bound = self.compiled(expression, scope)?;
        if self.level.keys.contains(&bound.sql) {
            self.level.bare = before;
        }
        Ok(bound)
    }

    fn compiled(&mut self, expression: &Expr, scope: &Scope<'_>) -> Result<Bound, Failed> {
        match expression {
            Expr::Identifier(name) => self.reference(std::slice::from_ref(name), scope),
            Expr::CompoundIdentifier(parts) => self.reference(parts, scope),
            Expr::Nested(inner) => {
                let bound = self.expression(inner, scope)?;
                Ok(Bound::new(format!("({})", bound.sql), bound.of))
            }
            Expr::Value(value) => self.literal(value),
            Expr::TypedString(typed) => {
                typed_literal(&typed.data_type.to_string(), &text_of(&typed.value)?, typed.value.span)
            }
            Expr::Interval(interval) => {
                let Expr::Value(value) = &*interval.value else {
                    return Err(Failed::not_simulated("such an interval"));
                };
                let field = interval
                    .leading_field
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                interval_literal(&text_of(value)?, &field)
            }
            Expr::Cast {
                kind, expr, data_type, ..
            } => {
                let bound = self.expression(expr, scope)?;
                let trying = self.trying || *kind == CastKind::TryCast;
                cast(&bound, &data_type.to_string(), trying, expr)
            }
            Expr::BinaryOp { left, op, right } => self.binary(expression, left, op, right, scope),
            Expr::UnaryOp { op, expr } => {
                let bound = self.expression(expr, scope)?;
                match op {
                    UnaryOperator::Not => Ok(Bound::new(format!("(NOT {})", bound.sql), Type::Boolean)),
                    UnaryOperator::Minus => Ok(Bound::new(format!("(-{})", bound.sql), bound.of)),
                    UnaryOperator::Plus => Ok(bound),
                    _ => Err(Failed::not_simulated(&format!("the operator {op}"))),
                }
            }
            Expr::IsNull(inner) => self.test(inner, "IS NULL", scope),
            Expr::IsNotNull(inner) => self.test(inner, "IS NOT NULL", scope),
            Expr::IsTrue(inner) => self.test(inner, "IS TRUE", scope),
            Expr::IsNotTrue(inner) => self.test(inner, "IS NOT TRUE", scope),
            Expr::IsFalse(inner) => self.test(inner, "IS FALSE", scope),
            Expr::IsNotFalse(inner) => self.test(inner, "IS NOT FALSE", scope),
            Expr::IsDistinctFrom(left, right) => self.compare(expression, left, "IS NOT", right, scope),
            Expr::IsNotDistinctFrom(left, right) => self.compare(expression, left, "IS", right, scope),
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => {
                let value = self.expression(expr, scope)?;
                let (low, high) = (self.expression(low, scope)?, self.expression(high, scope)?);
                comparable(expression, "BETWEEN", &value.of, &low.of)?;
                comparable(expression, "BETWEEN", &value.of, &high.of)?;
                let not = if *negated { "NOT " } else { "" };
                let sql = format!("({} {not}BETWEEN {} AND {})", value.sql, low.sql, high.sql);
                Ok(Bound::new(sql, Type::Boolean))
            }
            Expr::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char,
            } => {
                let (value, pattern) = (self.expression(expr, scope)?, self.expression(pattern, scope)?);
                let escape = match escape_char {
                    Some(escape) => format!(" ESCAPE {}", self.expression(escape, scope)?.sql),
                    None => String::new(),
                };
                let not = if *negated { "NOT " } else { "" };
                Ok(Bound::new(
                    format!("({} {not}LIKE {}{escape})", value.sql, pattern.sql),
                    Type::Boolean,
                ))
            }
            Expr::In {
                expr, target, negated, ..
            } => self.is_in(expression, expr, target, *negated, scope),
            Expr::Exists { subquery, negated } => {
                let compiled = self.query(subquery, Some(scope))?;
                let not = if *negated { "NOT " } else { "" };
                Ok(Bound::new(format!("({not}EXISTS ({}))", compiled.sql), Type::Boolean))
            }
            Expr::Subquery(query) => {
                let compiled = self.query(query, Some(scope))?;
                let [output] = compiled.outputs.as_slice() else {
                    let message = format!(
                        "{}Multiple columns returned by subquery are not yet supported",
                        at(query.span())
                    );
                    return Err(Failed::new("NOT_SUPPORTED", message));
                };
                Ok(Bound::new(format!("({})", compiled.sql), output.of.clone()))
            }
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                let mut sql = "CASE".to_owned();
                if let Some(operand) = operand {
                    sql.push_str(&format!(" {}", self.expression(operand, scope)?.sql));
                }
                let mut of = Type::Unknown;
                for branch in conditions {
                    let when = self.expression(&branch.condition, scope)?;
                    let then = self.expression(&branch.result, scope)?;
                    of = self.branch(&of, &then, &branch.result)?;
                    sql.push_str(&format!(" WHEN {} THEN {}", when.sql, then.sql));
                }
                if let Some(otherwise) = else_result {
                    let bound = self.expression(otherwise, scope)?;
                    of = self.branch(&of, &bound, otherwise)?;
                    sql.push_str(&format!(" ELSE {}", bound.sql));
                }
                Ok(Bound::new(format!("({sql} END)"), of))
            }
            Expr::Extract { field, expr, .. } => {
                let bound = self.expression(expr, scope)?;
                let field = field_name(field);
                Ok(Bound::new(
                    format!("tr_part({}, {})", literal(&field), bound.sql),
                    Type::Bigint,
                ))
            }
            Expr::Ceil {
                expr,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => {
                let bound = self.expression(expr, scope)?;
                self.function("ceil", vec![bound], expression.span())
            }
            Expr::Floor {
                expr,
                field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime),
            } => {
                let bound = self.expression(expr, scope)?;
                self.function("floor", vec![bound], expression.span())
            }
            Expr::Position { expr, r#in } => {
                let (part, whole) = (self.expression(expr, scope)?, self.expression(r#in, scope)?);
                self.function("strpos", vec![whole, part], expression.span())
            }
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                ..
            } => {
                let mut arguments = vec![self.expression(expr, scope)?];
                for part in [substring_from, substring_for].into_iter().flatten() {
                    arguments.push(self.expression(part, scope)?);
                }
                self.function("substr", arguments, expression.span())
            }
            Expr::Trim {
                trim_where,
                trim_what,
                expr,
                trim_characters,
            } => {
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    _ => "trim",
                };
                let mut arguments = vec![self.expression(expr, scope)?];
                let characters = trim_characters.iter().flatten();
                for part in trim_what.iter().map(|what| &**what).chain(characters) {
                    arguments.push(self.expression(part, scope)?);
                }
                self.function(name, arguments, expression.span())
            }
            Expr::Array(array) => {
                let mut elements = Vec::new();
                for element in &array.elem {
                    elements.push(self.expression(element, scope)?);
                }
                self.array(&elements)
            }
            Expr::Tuple(fields) => {
                let mut bound = Vec::new();
                for field in fields {
                    bound.push(self.expression(field, scope)?);
                }
                Ok(row(&bound))
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                let mut bound = match &**root {
                    Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.rooted(root, access_chain, scope)?,
                    _ => (self.expression(root, scope)?, access_chain.as_slice()),
                };
                for access in bound.1 {
                    bound.0 = self.access(bound.0, access, scope)?;
                }
                Ok(bound.0)
            }
            Expr::Function(function) => self.call(function, scope),
            Expr::AtTimeZone { .. } => Err(Failed::not_simulated("AT TIME ZONE")),
            other => Err(Failed::not_simulated(&format!("the expression {other}"))),
        }
    }

    fn branch(&self, of: &Type, bound: &Bound, expression: &Expr) -> Result<Type, Failed> {
        common(of, &bound.of).ok_or_else(|| {
            let message = format!(
                "{}All CASE results must be the same type: {of} vs {}",
                at(expression.span()),
                bound.of
            );
            Failed::new("TYPE_MISMATCH", message)
        })
    }

    /// A column, and fields of rows inside of it.
    fn reference(&mut self, parts: &[Ident], scope: &Scope<'_>) -> Result<Bound, Failed> {
        if let [name] = parts
            && name.quote_style.is_none()
            && !name.value.eq_ignore_ascii_case("now")
            && let Some(bound) = self.keyword(&name.value)
        {
            return Ok(bound);
        }
        let (mut bound, taken, own) = scope.resolve(parts)?;
        self.level.bare += usize::from(own);
        for part in &parts[taken..] {
            bound = field(&bound, part)?;
        }
        Ok(bound)
    }

    /// A name with accesses behind it: the parser gives `a.b[1].c` in two pieces.
    fn rooted<'e>(
        &mut self,
        root: &Expr,
        chain: &'e [AccessExpr],
        scope: &Scope<'_>,
    ) -> Result<(Bound, &'e [AccessExpr]), Failed> {
        let mut parts = match root {
            Expr::Identifier(name) => vec![name.clone()],
            Expr::CompoundIdentifier(parts) => parts.clone(),
            _ => Vec::new(),
        };
        let mut rest = chain;
        while let [AccessExpr::Dot(Expr::Identifier(name)), more @ ..] = rest {
            parts.push(name.clone());
            rest = more;
        }
        Ok((self.reference(&parts, scope)?, rest))
    }

    fn access(&mut self, bound: Bound, access: &AccessExpr, scope: &Scope<'_>) -> Result<Bound, Failed> {
        match access {
            AccessExpr::Dot(Expr::Identifier(name)) => field(&bound, name),
            AccessExpr::Subscript(Subscript::Index { index }) => {
                let place = index.span();
                let index = self.expression(index, scope)?;
                let strict = if self.trying { "element_at" } else { "subscript" };
                self.function(strict, vec![bound, index], place)
            }
            _ => Err(Failed::not_simulated("such an access")),
        }
    }

    fn literal(&mut self, value: &ValueWithSpan) -> Result<Bound, Failed> {
        Ok(match &value.value {
            Value::Number(digits, _) => match digits.parse::<i64>() {
                Ok(number) if i32::try_from(number).is_ok() => Bound::new(digits, Type::Integer),
                Ok(_) => Bound::new(digits, Type::Bigint),
                Err(_) => Bound::new(format!("({digits} + 0.0)"), Type::Double),
            },
            Value::SingleQuotedString(text) => {
                let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
                Bound::new(literal(text), Type::Varchar(Some(length)))
            }
            Value::HexStringLiteral(digits) => Bound::new(format!("x'{}'", digits.replace(' ', "")), Type::Varbinary),
            Value::Boolean(value) => Bound::new(if *value { "1" } else { "0" }, Type::Boolean),
            Value::Null => Bound::new("NULL", Type::Unknown),
            Value::Placeholder(mark) if mark == "?" => {
                let place = (value.span.start.line, value.span.start.column);
                let found = self.placeholders.iter().find(|(at, _)| *at == place);
                found.map(|(_, bound)| bound.clone()).ok_or_else(|| {
                    let message = format!(
                        "{}Incorrect number of parameters: expected 1 but found 0",
                        at(value.span)
                    );
                    Failed::new("INVALID_PARAMETER_USAGE", message)
                })?
            }
            other => return Err(Failed::not_simulated(&format!("the literal {other}"))),
        })
    }

    fn test(&mut self, inner: &Expr, how: &str, scope: &Scope<'_>) -> Result<Bound, Failed> {
        let bound = self.expression(inner, scope)?;
        Ok(Bound::new(format!("({} {how})", bound.sql), Type::Boolean))
    }

    fn compare(
        &mut self,
        whole: &Expr,
        left: &Expr,
        how: &str,
        right: &Expr,
        scope: &Scope<'_>,
    ) -> Result<Bound, Failed> {
        let (left, right) = (self.expression(left, scope)?, self.expression(right, scope)?);
        comparable(whole, how, &left.of, &right.of)?;
        Ok(Bound::new(format!("({} {how} {})", left.sql, right.sql), Type::Boolean))
    }

    fn is_in(
        &mut self,
        whole: &Expr,
        value: &Expr,
        target: &InTarget,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Bound, Failed> {
        let bound = self.expression(value, scope)?;
        let inside = match target {
            InTarget::List(list) => {
                let mut parts = Vec::new();
                for part in list {
                    let part = self.expression(part, scope)?;
                    comparable(whole, "IN", &bound.of, &part.of)?;
                    parts.push(part.sql);
                }
                parts.join(", ")
            }
            InTarget::Subquery(query) => self.query(query, Some(scope))?.sql,
            _ => return Err(Failed::not_simulated("IN UNNEST")),
        };
        let not = if negated { "NOT " } else { "" };
        Ok(Bound::new(format!("({} {not}IN ({inside}))", bound.sql), Type::Boolean))
    }

    fn binary(
        &mut self,
        whole: &Expr,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        scope: &Scope<'_>,
    ) -> Result<Bound, Failed> {
        let symbol = op.to_string();
        match op {
            BinaryOperator::And | BinaryOperator::Or => {
                let (left, right) = (self.expression(left, scope)?, self.expression(right, scope)?);
                for side in [&left, &right] {
                    if !matches!(side.of, Type::Boolean | Type::Unknown) {
                        let message = format!(
                            "{}Logical expression term must evaluate to a boolean (actual: {})",
                            at(whole.span()),
                            side.of
                        );
                        return Err(Failed::new("TYPE_MISMATCH", message));
                    }
                }
                Ok(Bound::new(
                    format!("({} {symbol} {})", left.sql, right.sql),
                    Type::Boolean,
                ))
            }
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq => self.compare(whole, left, &symbol, right, scope),
            BinaryOperator::StringConcat => {
                let arguments = vec![self.expression(left, scope)?, self.expression(right, scope)?];
                self.function("concat", arguments, whole.span())
            }
            BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo => {
                let (left, right) = (self.expression(left, scope)?, self.expression(right, scope)?);
                self.arithmetic(whole, &left, &symbol, &right)
            }
            _ => Err(Failed::not_simulated(&format!("the operator {symbol}"))),
        }
    }

    fn arithmetic(&mut self, whole: &Expr, left: &Bound, symbol: &str, right: &Bound) -> Result<Bound, Failed> {
        let interval = |of: &Type| matches!(of, Type::IntervalDay | Type::IntervalYear);
        let dated = |of: &Type| matches!(of, Type::Date | Type::Timestamp | Type::TimestampTz);
        let sign = if symbol == "-" { -1 } else { 1 };
        if matches!(symbol, "+" | "-") && dated(&left.of) && interval(&right.of) {
            return Ok(Bound::new(
                format!("tr_shift({}, {}, {sign})", left.sql, right.sql),
                left.of.clone(),
            ));
        }
        if symbol == "+" && interval(&left.of) && dated(&right.of) {
            return Ok(Bound::new(
                format!("tr_shift({}, {}, 1)", right.sql, left.sql),
                right.of.clone(),
            ));
        }
        if symbol == "-" && dated(&left.of) && dated(&right.of) {
            let sql = format!("tr_apart({}, {})", left.sql, right.sql);
            return Ok(Bound::new(sql, Type::IntervalDay));
        }
        let op = symbol.chars().next().unwrap_or('+');
        let of = arithmetic(op, &left.of, &right.of).ok_or_else(|| cannot(whole, symbol, &left.of, &right.of))?;
        let trying = i32::from(self.trying);
        let sql = match symbol {
            "/" if of.is_integral() || matches!(of, Type::Decimal(..)) => {
                let whole = i32::from(of.is_integral());
                format!("tr_divide({}, {}, {whole}, {trying})", left.sql, right.sql)
            }
            "/" => format!("tr_float_divide({}, {})", left.sql, right.sql),
            "%" => format!("tr_modulo({}, {}, {trying})", left.sql, right.sql),
            _ => format!("({} {symbol} {})", left.sql, right.sql),
        };
        Ok(Bound::new(sql, of))
    }

    /// What stands in `OVER (…)`.
    pub(super) fn window(&mut self, spec: &WindowSpec, scope: &Scope<'_>) -> Result<String, Failed> {
        let mut sql = String::new();
        if let Some(name) = &spec.window_name {
            sql.push_str(&super::scope::quoted(&name.value));
        }
        if !spec.partition_by.is_empty() {
            let mut keys = Vec::new();
            for key in &spec.partition_by {
                keys.push(self.expression(key, scope)?.sql);
            }
            sql.push_str(&format!(" PARTITION BY {}", keys.join(", ")));
        }
        if !spec.order_by.is_empty() {
            sql.push_str(&format!(" ORDER BY {}", self.keys(&spec.order_by, scope)?));
        }
        if let Some(frame) = &spec.window_frame {
            sql.push_str(&format!(" {} ", frame.units));
            match &frame.end_bound {
                Some(end) => sql.push_str(&format!("BETWEEN {} AND {end}", frame.start_bound)),
                None => sql.push_str(&frame.start_bound.to_string()),
            }
        }
        Ok(sql)
    }

    /// Keys to sort by, with their directions.
    pub(super) fn keys(&mut self, keys: &[OrderByExpr], scope: &Scope<'_>) -> Result<String, Failed> {
        let mut parts = Vec::new();
        for key in keys {
            parts.push(format!("{}{}", self.expression(&key.expr, scope)?.sql, direction(key)));
        }
        Ok(parts.join(", "))
    }

    /// An array of such elements.
    pub(super) fn array(&mut self, elements: &[Bound]) -> Result<Bound, Failed> {
        let mut of = Type::Unknown;
        for element in elements {
            of = common(&of, &element.of).ok_or_else(|| {
                Failed::new(
                    "TYPE_MISMATCH",
                    format!("All ARRAY elements must be the same type: {of} vs {}", element.of),
                )
            })?;
        }
        let sql: Vec<&str> = elements.iter().map(|element| element.sql.as_str()).collect();
        let comma = if sql.is_empty() { "" } else { ", " };
        let text = format!("tr_array({}{comma}{})", literal(&of.to_string()), sql.join(", "));
        Ok(Bound::new(text, Type::Array(Box::new(of))))
    }
}

/// A row of such fields, without names.
pub(super) fn row(fields: &[Bound]) -> Bound {
    let of = Type::Row(fields.iter().map(|field| (None, field.of.clone())).collect());
    let sql: Vec<&str> = fields.iter().map(|field| field.sql.as_str()).collect();
    Bound::new(format!("tr_row({}, {})", literal(&of.to_string()), sql.join(", ")), of)
}

/// A field of a row.
fn field(bound: &Bound, name: &Ident) -> Result<Bound, Failed> {
    let Type::Row(fields) = &bound.of else {
        let message = format!("{}Expression is not of type ROW", at(name.span));
        return Err(Failed::new("TYPE_MISMATCH", message));
    };
    let found = fields
        .iter()
        .position(|(own, _)| own.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(&name.value)));
    let found = found.ok_or_else(|| {
        Failed::new(
            "COLUMN_NOT_FOUND",
            format!("{}Column '{}' cannot be resolved", at(name.span), name.value),
        )
    })?;
    let sql = format!("json_extract({}, '$[{found}]')", bound.sql);
    Ok(Bound::new(sql, fields[found].1.clone()))
}

fn comparable(whole: &Expr, how: &str, left: &Type, right: &Type) -> Result<(), Failed> {
    if common(left, right).is_some() {
        return Ok(());
    }
    let how = match how {
        "IS" | "IS NOT" | "IN" => "=",
        "BETWEEN" => "<=",
        other => other,
    };
    Err(cannot(whole, how, left, right))
}

fn cannot(whole: &Expr, symbol: &str, left: &Type, right: &Type) -> Failed {
    let message = format!("{}Cannot apply operator: {left} {symbol} {right}", at(whole.span()));
    Failed::new("TYPE_MISMATCH", message)
}

/// A cast, checked and carried out by a function.
pub(super) fn cast(bound: &Bound, to: &str, trying: bool, expression: &Expr) -> Result<Bound, Failed> {
    let to = Type::parse(to).ok_or_else(|| {
        Failed::new(
            "TYPE_NOT_FOUND",
            format!("{}Unknown type: {}", at(expression.span()), to.to_lowercase()),
        )
    })?;
    let sql = format!(
        "tr_cast({}, {}, {}, {})",
        bound.sql,
        literal(&bound.of.to_string()),
        literal(&to.to_string()),
        i32::from(trying)
    );
    Ok(Bound::new(sql, to))
}

fn text_of(value: &ValueWithSpan) -> Result<String, Failed> {
    match &value.value {
        Value::SingleQuotedString(text) | Value::Number(text, _) => Ok(text.clone()),
        other => Err(Failed::not_simulated(&format!("the literal {other}"))),
    }
}

/// `DATE '2024-01-01'` and the like.
fn typed_literal(of: &str, text: &str, span: sqlparser::tokenizer::Span) -> Result<Bound, Failed> {
    let of = Type::parse(of).ok_or_else(|| Failed::new("TYPE_NOT_FOUND", format!("Unknown type: {of}")))?;
    let wrong = || {
        Failed::new(
            "INVALID_LITERAL",
            format!("{}'{text}' is not a valid {of} literal", at(span)),
        )
    };
    let found = match &of {
        Type::Date => (read::date(text).ok_or_else(wrong)?, Type::Date),
        Type::Timestamp | Type::TimestampTz => match read::timestamp(text) {
            Some(plain) => (plain, Type::Timestamp),
            None => {
                let (plain, zone) = text.trim().rsplit_once(' ').ok_or_else(wrong)?;
                (
                    format!("{} {zone}", read::timestamp(plain).ok_or_else(wrong)?),
                    Type::TimestampTz,
                )
            }
        },
        Type::Time => (read::clock_time(text).ok_or_else(wrong)?, Type::Time),
        Type::Decimal(..) => {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            let (digits, scale) = (
                whole.trim_start_matches(['-', '0']).len() + fraction.len(),
                fraction.len(),
            );
            let of = Type::Decimal(
                u8::try_from(digits.max(1)).map_err(|_| wrong())?,
                u8::try_from(scale).map_err(|_| wrong())?,
            );
            let bound = Bound::new(literal(text), TEXT);
            let sql = format!("tr_cast({}, 'varchar', {}, 0)", bound.sql, literal(&of.to_string()));
            return Ok(Bound::new(sql, of));
        }
        Type::Json => (
            serde_json::from_str::<serde_json::Value>(text)
                .map_err(|_| wrong())?
                .to_string(),
            Type::Json,
        ),
        _ => return Err(Failed::not_simulated(&format!("literals of {of}"))),
    };
    Ok(Bound::new(literal(&found.0), found.1))
}

/// `INTERVAL '2' DAY`: in SQLite's SQL milliseconds with a `D`, or months with an `M`.
fn interval_literal(text: &str, field: &str) -> Result<Bound, Failed> {
    let wrong = || Failed::new("INVALID_LITERAL", format!("'{text}' is not a valid interval literal"));
    let number: f64 = text.trim().parse().map_err(|_| wrong())?;
    let millis = match field.to_uppercase().trim_end_matches('S') {
        "SECOND" => 1_000.0,
        "MINUTE" => 60_000.0,
        "HOUR" => 3_600_000.0,
        "DAY" => 86_400_000.0,
        "WEEK" => 7.0 * 86_400_000.0,
        "MONTH" => return Ok(Bound::new(format!("'M{number}'"), Type::IntervalYear)),
        "YEAR" => return Ok(Bound::new(format!("'M{}'", number * 12.0), Type::IntervalYear)),
        _ => return Err(wrong()),
    };
    Ok(Bound::new(format!("'D{}'", number * millis), Type::IntervalDay))
}

/// The name of a field of a date, as functions take it.
fn field_name(field: &DateTimeField) -> String {
    field.to_string().to_lowercase().trim_end_matches('s').to_owned()
}
