//! Calls of functions: what they are in SQLite, and the type of what they give.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    Spanned as _, WindowType,
};
use sqlparser::tokenizer::Span;

use super::compile::Compiler;
use super::errors::{Failed, at};
use super::kinds::common;
use super::scope::{Bound, Scope, literal, quoted};
use crate::athena::types::{TEXT, Type};
use crate::stamp;

/// Aggregates that SQLite has itself, so that they also work in windows.
const AGGREGATES: [&str; 16] = [
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "count_if",
    "bool_and",
    "every",
    "bool_or",
    "arbitrary",
    "any_value",
    "approx_distinct",
    "min_by",
    "max_by",
    "array_agg",
    "map_agg",
];

/// Aggregates of the simulator's own.
const OWN_AGGREGATES: [&str; 9] = [
    "stddev",
    "stddev_samp",
    "stddev_pop",
    "variance",
    "var_samp",
    "var_pop",
    "approx_percentile",
    "listagg",
    "string_agg",
];

/// Functions that exist in windows only.
const WINDOWS: [&str; 11] = [
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
];

fn array_of(of: Type) -> Type {
    Type::Array(Box::new(of))
}

impl Compiler<'_> {
    /// What the words for the time of the statement stand for.
    pub(super) fn keyword(&self, name: &str) -> Option<Bound> {
        let iso = stamp::iso(crate::clock::unix(self.now));
        let (date, time) = (&iso[..10], &iso[11..19]);
        let millis = self
            .now
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.subsec_millis());
        Some(match name.to_lowercase().as_str() {
            "current_date" => Bound::new(literal(date), Type::Date),
            "current_timestamp" | "now" => {
                Bound::new(literal(&format!("{date} {time}.{millis:03} UTC")), Type::TimestampTz)
            }
            "localtimestamp" => Bound::new(literal(&format!("{date} {time}.{millis:03}")), Type::Timestamp),
            "localtime" => Bound::new(literal(&format!("{time}.{millis:03}")), Type::Time),
            "current_user" => Bound::new("'aws-sim'", TEXT),
            _ => return None,
        })
    }

    /// A call as it is written.
    pub(super) fn call(&mut self, function: &Function, scope: &Scope<'_>) -> Result<Bound, Failed> {
        let name = function.name.to_string().to_lowercase().replace('"', "");
        if let Some(bound) = self.keyword(&name) {
            return Ok(bound);
        }
        if name == "try" {
            let before = std::mem::replace(&mut self.trying, true);
            let bound = self.arguments(function, scope);
            self.trying = before;
            return bound?.0.pop().ok_or_else(|| not_found(&name, &[], function.span()));
        }
        let before = self.level.bare;
        let (mut arguments, distinct, order, star) = self.arguments(function, scope)?;
        if star {
            arguments.push(Bound::new("*", Type::Bigint));
        }
        let aggregate = AGGREGATES.contains(&name.as_str()) || OWN_AGGREGATES.contains(&name.as_str());
        if aggregate && function.over.is_none() {
            self.level.aggregates += 1;
            self.level.bare = before;
        }
        let mut bound = if aggregate {
            self.aggregate(&name, &arguments, distinct, &order, function)?
        } else if WINDOWS.contains(&name.as_str()) {
            let sql: Vec<&str> = arguments.iter().map(|argument| argument.sql.as_str()).collect();
            let of = match name.as_str() {
                "percent_rank" | "cume_dist" => Type::Double,
                "lag" | "lead" | "first_value" | "last_value" | "nth_value" => {
                    arguments.first().map_or(Type::Unknown, |first| first.of.clone())
                }
                _ => Type::Bigint,
            };
            Bound::new(format!("{name}({})", sql.join(", ")), of)
        } else {
            self.function(&name, arguments, function.span())?
        };
        if let Some(filter) = &function.filter {
            let before = self.level.bare;
            let condition = self.expression(filter, scope)?;
            self.level.bare = before;
            bound.sql.push_str(&format!(" FILTER (WHERE {})", condition.sql));
        }
        match &function.over {
            None => {}
            Some(WindowType::NamedWindow(name)) => bound.sql.push_str(&format!(" OVER {}", quoted(&name.value))),
            Some(WindowType::WindowSpec(spec)) => {
                if OWN_AGGREGATES.contains(&name.as_str())
                    || ["min_by", "max_by", "array_agg", "map_agg"].contains(&name.as_str())
                {
                    return Err(Failed::not_simulated(&format!("{name} in a window")));
                }
                let window = self.window(spec, scope)?;
                bound.sql.push_str(&format!(" OVER ({window})"));
            }
        }
        // A filter and a window belong to the call itself, so what wraps it comes last.
        Ok(bound)
    }

    /// Arguments, DISTINCT, ORDER BY, and whether there was a `*`.
    #[allow(clippy::type_complexity)]
    fn arguments(
        &mut self,
        function: &Function,
        scope: &Scope<'_>,
    ) -> Result<(Vec<Bound>, bool, String, bool), Failed> {
        let (mut bound, mut order, mut star) = (Vec::new(), String::new(), false);
        let list = match &function.args {
            FunctionArguments::None => return Ok((bound, false, order, false)),
            FunctionArguments::List(list) => list,
            FunctionArguments::Subquery(_) => return Err(Failed::not_simulated("a query as an argument")),
        };
        for argument in &list.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Lambda(_))) => {
                    return Err(Failed::not_simulated("lambda functions"));
                }
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => {
                    bound.push(self.expression(expression, scope)?)
                }
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => star = true,
                _ => return Err(Failed::not_simulated("such an argument")),
            }
        }
        for clause in &list.clauses {
            if let FunctionArgumentClause::OrderBy(keys) = clause {
                order = format!(" ORDER BY {}", self.keys(keys, scope)?);
            }
        }
        if !function.within_group.is_empty() {
            order = format!(" ORDER BY {}", self.keys(&function.within_group, scope)?);
        }
        let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        Ok((bound, distinct, order, star))
    }

    fn aggregate(
        &mut self,
        name: &str,
        arguments: &[Bound],
        distinct: bool,
        order: &str,
        function: &Function,
    ) -> Result<Bound, Failed> {
        let wrong = || not_found(name, arguments, function.span());
        let only = if distinct { "DISTINCT " } else { "" };
        let first = arguments.first();
        let of = first.map_or(Type::Unknown, |first| first.of.clone());
        let sql = first.map_or("*", |first| first.sql.as_str());
        let number = || {
            if of.is_numeric() || of == Type::Unknown {
                Ok(())
            } else {
                Err(wrong())
            }
        };
        Ok(match name {
            "count" => Bound::new(format!("count({only}{sql})"), Type::Bigint),
            "count_if" => Bound::new(format!("count(CASE WHEN {sql} THEN 1 END)"), Type::Bigint),
            "approx_distinct" => Bound::new(format!("count(DISTINCT {sql})"), Type::Bigint),
            "sum" => {
                number()?;
                let of = match of {
                    Type::Real | Type::Double => of,
                    Type::Decimal(_, scale) => Type::Decimal(38, scale),
                    _ => Type::Bigint,
                };
                Bound::new(format!("sum({only}{sql})"), of)
            }
            "avg" => {
                number()?;
                let of = match of {
                    Type::Real | Type::Decimal(..) => of,
                    _ => Type::Double,
                };
                Bound::new(format!("avg({only}{sql})"), of)
            }
            // The type BOOLEAN is 0 and 1 here.
            "min" | "max" | "bool_and" | "every" | "bool_or" | "arbitrary" | "any_value" => {
                first.ok_or_else(wrong)?;
                let least = matches!(name, "min" | "bool_and" | "every");
                Bound::new(format!("{}({only}{sql})", if least { "min" } else { "max" }), of)
            }
            "min_by" | "max_by" => {
                let key = arguments.get(1).ok_or_else(wrong)?;
                Bound::new(format!("tr_{name}({sql}, {})", key.sql), of)
            }
            "array_agg" => {
                let inner = literal(&of.to_string());
                // SQLite takes DISTINCT with one argument only.
                let call = if distinct {
                    format!("tr_distinct(tr_array_agg({inner}, {sql}{order}))")
                } else {
                    format!("tr_array_agg({inner}, {sql}{order})")
                };
                Bound::new(call, array_of(of))
            }
            "map_agg" => {
                let value = arguments.get(1).ok_or_else(wrong)?;
                let kind = Type::Map(Box::new(of), Box::new(value.of.clone()));
                Bound::new(
                    format!("tr_map_agg({}, {sql}, {})", literal(&kind.to_string()), value.sql),
                    kind,
                )
            }
            "listagg" | "string_agg" => {
                let comma = arguments.get(1).map_or("''", |comma| comma.sql.as_str());
                Bound::new(format!("group_concat({sql}, {comma}{order})"), TEXT)
            }
            "approx_percentile" => {
                let share = arguments.get(1).ok_or_else(wrong)?;
                Bound::new(format!("tr_percentile({sql}, {})", share.sql), of)
            }
            _ => {
                number()?;
                let squared = name.starts_with("var");
                let whole = name.ends_with("_pop");
                Bound::new(
                    format!("tr_spread({sql}, {}, {})", i32::from(squared), i32::from(whole)),
                    Type::Double,
                )
            }
        })
    }

    /// A function of single values.
    pub(super) fn function(&mut self, name: &str, arguments: Vec<Bound>, span: Span) -> Result<Bound, Failed> {
        let wrong = || not_found(name, &arguments, span);
        let sql = |at: usize| {
            arguments
                .get(at)
                .map(|argument| argument.sql.as_str())
                .ok_or_else(wrong)
        };
        let of = |at: usize| arguments.get(at).map_or(Type::Unknown, |argument| argument.of.clone());
        let all: Vec<&str> = arguments.iter().map(|argument| argument.sql.as_str()).collect();
        let all = all.join(", ");
        let first = of(0);
        // The same name with a prefix, where the simulator has a function of its own.
        let own = |of: Type| Ok(Bound::new(format!("tr_{name}({all})"), of));
        let native = |of: Type| Ok(Bound::new(format!("{name}({all})"), of));
        let as_is = |other: &str, of: Type| Ok(Bound::new(format!("{other}({all})"), of));
        let shared = || {
            let each = arguments.iter().map(|argument| &argument.of);
            let shared = each.clone().try_fold(Type::Unknown, |so_far, of| common(&so_far, of));
            shared.ok_or_else(wrong)
        };
        match name {
            // Conditions.
            "coalesce" if arguments.len() == 1 => Ok(arguments[0].clone()),
            "coalesce" => native(shared()?),
            "nullif" => native(first),
            "if" => {
                let otherwise = arguments.get(2).map_or("NULL", |argument| argument.sql.as_str());
                let kind = common(&of(1), &of(2)).ok_or_else(wrong)?;
                Ok(Bound::new(
                    format!("(CASE WHEN {} THEN {} ELSE {otherwise} END)", sql(0)?, sql(1)?),
                    kind,
                ))
            }
            "greatest" | "least" => as_is(if name == "greatest" { "max" } else { "min" }, shared()?),
            "typeof" => Ok(Bound::new(literal(&first.to_string()), TEXT)),
            // Texts.
            "lower" | "upper" | "reverse" if !first.is_nested() => own(first),
            "length" if first == Type::Varbinary || first.is_text() || first == Type::Unknown => native(Type::Bigint),
            "substr" | "substring" => as_is("tr_substr", TEXT),
            "trim" | "ltrim" | "rtrim" => native(TEXT),
            "replace" if arguments.len() == 2 => Ok(Bound::new(format!("replace({all}, '')"), TEXT)),
            "replace" => native(TEXT),
            "concat" => self.concat(&arguments, span),
            "concat_ws" => native(TEXT),
            "strpos" | "codepoint" => own(Type::Bigint),
            "starts_with" | "regexp_like" => own(Type::Boolean),
            "split" => own(array_of(TEXT)),
            "split_part" | "lpad" | "rpad" | "chr" | "regexp_replace" | "regexp_extract" | "url_encode"
            | "url_decode" | "to_hex" | "to_base64" | "from_utf8" | "format_datetime" | "date_format" => own(TEXT),
            "regexp_extract_all" => own(array_of(TEXT)),
            "to_utf8" | "from_hex" | "from_base64" | "sha256" => own(Type::Varbinary),
            // JSON.
            "json_extract_scalar" => own(TEXT),
            "json_extract" | "json_parse" => as_is(&format!("tr_{name}"), Type::Json),
            "json_format" => as_is("tr_json_format", TEXT),
            "json_array_length" | "json_size" => as_is("tr_json_size", Type::Bigint),
            // Numbers.
            "abs" => native(first),
            "ceil" | "ceiling" | "floor" => match first {
                Type::Real | Type::Double => as_is(name, first),
                Type::Decimal(precision, _) => Ok(Bound::new(format!("{name}({all})"), Type::Decimal(precision, 0))),
                other => Ok(Bound::new(all, other)),
            },
            "round" | "truncate" => own(first),
            "mod" => Ok(Bound::new(
                format!("tr_modulo({}, {}, {})", sql(0)?, sql(1)?, i32::from(self.trying)),
                common(&of(0), &of(1)).ok_or_else(wrong)?,
            )),
            "power" | "pow" | "sqrt" | "exp" | "ln" | "log10" | "log2" | "log" | "degrees" | "radians" | "sin"
            | "cos" | "tan" | "asin" | "acos" | "atan" | "atan2" | "sinh" | "cosh" | "tanh" | "pi" => {
                native(Type::Double)
            }
            "cbrt" => Ok(Bound::new(format!("power({}, 1.0/3.0)", sql(0)?), Type::Double)),
            "e" => Ok(Bound::new("exp(1.0)", Type::Double)),
            "sign" => native(first),
            "rand" | "random" if arguments.is_empty() => {
                Ok(Bound::new("((random() / 18446744073709551616.0) + 0.5)", Type::Double))
            }
            "nan" => Ok(Bound::new("'NaN'", Type::Double)),
            "infinity" => Ok(Bound::new("9e999", Type::Double)),
            "is_nan" => Ok(Bound::new(format!("({} = 'NaN')", sql(0)?), Type::Boolean)),
            "is_infinite" => Ok(Bound::new(format!("(abs({}) = 9e999)", sql(0)?), Type::Boolean)),
            "bitwise_and" => Ok(Bound::new(format!("({} & {})", sql(0)?, sql(1)?), Type::Bigint)),
            "bitwise_or" => Ok(Bound::new(format!("({} | {})", sql(0)?, sql(1)?), Type::Bigint)),
            // Dates and times.
            "date" => super::expr::cast(
                arguments.first().ok_or_else(wrong)?,
                "date",
                self.trying,
                &Expr::Tuple(Vec::new()),
            ),
            "date_trunc" | "date_add" => own(of(arguments.len().saturating_sub(1))),
            "date_diff" => own(Type::Bigint),
            "year" | "month" | "day" | "hour" | "minute" | "second" | "millisecond" | "quarter" | "week"
            | "week_of_year" | "day_of_month" | "day_of_week" | "dow" | "day_of_year" | "doy" | "year_of_week" => {
                Ok(Bound::new(format!("tr_part('{name}', {})", sql(0)?), Type::Bigint))
            }
            "from_unixtime" => own(Type::TimestampTz),
            "to_unixtime" => own(Type::Double),
            "from_iso8601_timestamp" => own(Type::TimestampTz),
            "from_iso8601_date" => own(Type::Date),
            "to_iso8601" => own(TEXT),
            "date_parse" => own(Type::Timestamp),
            "last_day_of_month" => own(Type::Date),
            // Arrays, maps and rows.
            "row" => Ok(super::expr::row(&arguments)),
            "cardinality" => own(Type::Bigint),
            "sequence" => own(array_of(common(&of(0), &of(1)).unwrap_or(Type::Bigint))),
            "element_at" | "subscript" => match &first {
                Type::Array(inner) => own((**inner).clone()),
                Type::Map(_, value) => own((**value).clone()),
                Type::Row(fields) => {
                    let at = sql(1)?
                        .parse::<usize>()
                        .ok()
                        .and_then(|at| at.checked_sub(1))
                        .ok_or_else(wrong)?;
                    let (_, inner) = fields.get(at).ok_or_else(wrong)?;
                    Ok(Bound::new(
                        format!("json_extract({}, '$[{at}]')", sql(0)?),
                        inner.clone(),
                    ))
                }
                _ => Err(wrong()),
            },
            "contains" => own(Type::Boolean),
            "array_position" => own(Type::Bigint),
            "array_join" => own(TEXT),
            "array_distinct" => as_is("tr_distinct", first),
            "array_sort" | "slice" => own(first),
            "reverse" => as_is("tr_array_reverse", first),
            "array_min" | "array_max" => match first {
                Type::Array(inner) => own(*inner),
                _ => Err(wrong()),
            },
            "map_keys" => match first {
                Type::Map(key, _) => own(array_of(*key)),
                _ => Err(wrong()),
            },
            "map_values" => match first {
                Type::Map(_, value) => own(array_of(*value)),
                _ => Err(wrong()),
            },
            "map" => match (of(0), of(1)) {
                (Type::Array(key), Type::Array(value)) => own(Type::Map(key, value)),
                _ if arguments.is_empty() => Ok(Bound::new(
                    "'[]'",
                    Type::Map(Box::new(Type::Unknown), Box::new(Type::Unknown)),
                )),
                _ => Err(wrong()),
            },
            "uuid" => own(Type::Other("uuid".to_owned())),
            _ => Err(wrong()),
        }
    }

    /// `||` and concat: of texts, of binary, of arrays.
    fn concat(&mut self, arguments: &[Bound], span: Span) -> Result<Bound, Failed> {
        let sql: Vec<&str> = arguments.iter().map(|argument| argument.sql.as_str()).collect();
        let nested = arguments.iter().find(|argument| matches!(argument.of, Type::Array(_)));
        if let Some(array) = nested {
            return Ok(Bound::new(
                format!("tr_array_concat({})", sql.join(", ")),
                array.of.clone(),
            ));
        }
        let text = |of: &Type| of.is_text() || matches!(of, Type::Unknown | Type::Varbinary);
        if !arguments.iter().all(|argument| text(&argument.of)) {
            return Err(not_found("concat", arguments, span));
        }
        let of = if arguments.iter().any(|argument| argument.of == Type::Varbinary) {
            Type::Varbinary
        } else {
            TEXT
        };
        Ok(Bound::new(format!("({})", sql.join(" || ")), of))
    }
}

fn not_found(name: &str, arguments: &[Bound], span: Span) -> Failed {
    let types: Vec<String> = arguments.iter().map(|argument| argument.of.to_string()).collect();
    let place = at(span);
    let known = AGGREGATES.contains(&name) || OWN_AGGREGATES.contains(&name) || super::functions::KNOWN.contains(&name);
    if known {
        let message = format!(
            "{place}Unexpected parameters ({}) for function {name}",
            types.join(", ")
        );
        return Failed::new("FUNCTION_NOT_FOUND", message);
    }
    Failed::new("FUNCTION_NOT_FOUND", format!("{place}Function '{name}' not registered"))
}
