//! The few fields of dates that can be told by their names alone.

/// What a field's name says of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dated {
    /// A date and time, in every object that has it.
    Datetime,
    /// A date, in every object that has it.
    Date,
    /// A date, with or without a time, most likely.
    Likely,
}

/// Fields that mean the same in all objects, in small letters
/// (<https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/system_fields.htm>).
const DATETIMES: &[&str] =
    &["createddate", "lastmodifieddate", "systemmodstamp", "lastvieweddate", "lastreferenceddate"];
const DATES: &[&str] = &["birthdate", "lastactivitydate"];

/// What a field's name says of its type.
pub(super) fn dated(name: &str) -> Option<Dated> {
    let small = name.to_ascii_lowercase();
    if DATETIMES.contains(&small.as_str()) {
        return Some(Dated::Datetime);
    }
    if DATES.contains(&small.as_str()) {
        return Some(Dated::Date);
    }
    let own = name.strip_suffix("__c").or_else(|| name.strip_suffix("__pc")).unwrap_or(name);
    // `CloseDate`, `Start_Date__c`, `StartDateTime`; not `Update__c`, `Candidate__c`.
    let ends = ["Date", "_date", "DateTime", "Datetime", "_datetime"];
    let likely =
        ends.iter().any(|end| own.ends_with(end)) || small.trim_end_matches("__c") == "date" || small == "closedate";
    likely.then_some(Dated::Likely)
}
