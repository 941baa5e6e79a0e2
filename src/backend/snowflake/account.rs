//! The identifier of an account: where it is asked, and what it is called in a signed token
//! (<https://docs.snowflake.com/en/user-guide/admin-account-identifier>, FACTS 3.4).

use reqwest::Url;

/// What [`Account::read`] takes: the words of a diagnostic.
pub const ACCOUNT: &str = "an account such as `myorg-myaccount`";

/// The end of the name of each account's host.
const DOMAIN: &str = ".snowflakecomputing.com";
/// What stands before it where the account is asked over a private link.
const PRIVATE: &str = ".privatelink";
/// What a region may be followed by.
const CLOUDS: [&str; 3] = ["aws", "azure", "gcp"];

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What a signed token calls it: in capitals, without the region.
    pub name: String,
    /// Where it is asked, without a path.
    pub url: Url,
}

impl Account {
    /// Reads an identifier: organization and account (`myorg-myaccount`, also with a dot between), or a locator with its
    /// region (`xy12345.eu-central-1.aws`); with the host's domain behind it, or without. `None` for anything else.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_suffix(DOMAIN).unwrap_or(&text);
        let (text, private) = text.strip_suffix(PRIVATE).map_or((text, ""), |text| (text, PRIVATE));
        let parts: Vec<&str> = text.split('.').collect();
        let word = |part: &&str| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            part.bytes().all(inner) && !part.is_empty() && !part.starts_with('-') && !part.ends_with('-')
        };
        if !parts.iter().all(word) {
            return None;
        }
        let (name, host) = match parts[..] {
            // A locator is asked under its region, and called without it.
            [locator, region] if region.contains('-') => (locator.to_owned(), text.to_owned()),
            [locator, _, cloud] if CLOUDS.contains(&cloud) => (locator.to_owned(), text.to_owned()),
            _ => (parts.join("-"), parts.join("-")),
        };
        // No certificate is for a name with `_`, and a hyphen means the same there.
        let url = format!("https://{}{private}{DOMAIN}", host.replace('_', "-")).parse().ok()?;
        Some(Self { name: name.to_ascii_uppercase(), url })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_in_all_their_forms() {
        let check = |text: &str, name: &str, host: &str| {
            let account = Account::read(text).expect(text);
            assert_eq!((account.name.as_str(), account.url.host_str()), (name, Some(host)), "{text}");
            assert_eq!(account.url.as_str(), format!("https://{host}/"));
        };
        check("myorg-myaccount", "MYORG-MYACCOUNT", "myorg-myaccount.snowflakecomputing.com");
        check("MyOrg.MyAccount", "MYORG-MYACCOUNT", "myorg-myaccount.snowflakecomputing.com");
        check(" myorg-my_account ", "MYORG-MY_ACCOUNT", "myorg-my-account.snowflakecomputing.com");
        check("myorg-a.snowflakecomputing.com", "MYORG-A", "myorg-a.snowflakecomputing.com");
        check("myorg-a.privatelink", "MYORG-A", "myorg-a.privatelink.snowflakecomputing.com");
        check("xy12345", "XY12345", "xy12345.snowflakecomputing.com");
        check("xy12345.eu-central-1", "XY12345", "xy12345.eu-central-1.snowflakecomputing.com");
        check("xy12345.us-east-2.aws", "XY12345", "xy12345.us-east-2.aws.snowflakecomputing.com");
        check(
            "xy12345.us-east-1.privatelink.snowflakecomputing.com",
            "XY12345",
            "xy12345.us-east-1.privatelink.snowflakecomputing.com",
        );
    }

    #[test]
    fn what_is_no_account_leads_nowhere() {
        for text in
            ["", " ", ".", "a..b", "-a", "a-", "https://a.snowflakecomputing.com", "a/b", "a@b", "a:1", "é", "a b"]
        {
            assert_eq!(Account::read(text), None, "{text:?}");
        }
        assert_eq!(Account::read(".snowflakecomputing.com"), None);
    }
}
