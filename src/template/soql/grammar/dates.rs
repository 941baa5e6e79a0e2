//! The few fields of dates that every org has, always of the same type.

use super::words::one_of;

/// Which type a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dated {
    /// A date and time.
    Datetime,
    /// A date.
    Date,
}

/// Standard fields that are of one type in all objects that have them
/// (<https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/system_fields.htm>, and the
/// pages of Contact, Event, Opportunity and Task). A field of somebody's own ends in `__c` and has no such name.
const DATETIMES: &[&str] = &[
    "CreatedDate",
    "LastModifiedDate",
    "SystemModstamp",
    "LastViewedDate",
    "LastReferencedDate",
    "ActivityDateTime",
    "ReminderDateTime",
];
const DATES: &[&str] = &["ActivityDate", "Birthdate", "CloseDate", "LastActivityDate"];

/// The type of a field of this name, where it is one of them. What another name suggests is no type: `Batch_Day__c` and
/// `Import_Date__c` may be texts.
pub(super) fn dated(name: &str) -> Option<Dated> {
    if one_of(name, DATETIMES) {
        Some(Dated::Datetime)
    } else if one_of(name, DATES) {
        Some(Dated::Date)
    } else {
        None
    }
}
