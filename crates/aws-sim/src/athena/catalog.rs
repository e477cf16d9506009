//! Saved queries, prepared statements, catalogs and databases.

use serde_json::{Value as Json, json};

use super::Call;
use super::input::{Input, invalid, invalid_input};
use super::workgroups;
use crate::failure::Failure;

pub(super) fn named_query(call: &Call<'_>, input: Input<'_>) -> Result<Json, Failure> {
    let id = input.required("NamedQueryId")?;
    let known = call.world.estate.athena.named.iter();
    let mut own = known.filter(|query| query.account == call.caller.account);
    let query = own
        .find(|query| query.id == id)
        .ok_or_else(|| invalid_input(format!("NamedQuery {id} was not found")))?;
    Ok(json!({"NamedQuery": {
        "Name": query.name,
        "Database": query.database,
        "QueryString": query.text,
        "NamedQueryId": query.id,
        "WorkGroup": query.workgroup,
    }}))
}

pub(super) fn prepared_statement(call: &Call<'_>, input: Input<'_>) -> Result<Json, Failure> {
    let (name, workgroup) = (input.required("StatementName")?, input.required("WorkGroup")?);
    workgroups::find(call, workgroup)?;
    let text = call.state().prepared(call, workgroup, name).ok_or_else(|| {
        let message = format!("PreparedStatement {name} was not found in workGroup {workgroup}");
        Failure::new(400, "ResourceNotFoundException", message).with_detail("ResourceName", name)
    })?;
    Ok(json!({"PreparedStatement": {
        "StatementName": name,
        "QueryStatement": text,
        "WorkGroupName": workgroup,
        "LastModifiedTime": 1_600_000_000.0,
    }}))
}

pub(super) fn data_catalog(input: Input<'_>) -> Result<Json, Failure> {
    let name = input.required("Name")?;
    if !name.eq_ignore_ascii_case("awsdatacatalog") {
        return Err(invalid(
            "DATACATALOG_NOT_FOUND",
            format!("DataCatalog {name} was not found"),
        ));
    }
    Ok(json!({"DataCatalog": {"Name": "AwsDataCatalog", "Type": "GLUE", "Status": "CREATE_COMPLETE"}}))
}

pub(super) fn database(call: &Call<'_>, input: Input<'_>) -> Result<Json, Failure> {
    let catalog = input.required("CatalogName")?;
    let name = input.required("DatabaseName")?;
    let known = catalog.eq_ignore_ascii_case("awsdatacatalog")
        && call
            .state()
            .engine(call.world, &call.caller.account, call.region)
            .has_database(name);
    if !known {
        let message = format!("Database {name} not found");
        return Err(Failure::new(400, "MetadataException", message));
    }
    Ok(json!({"Database": {"Name": name}}))
}
