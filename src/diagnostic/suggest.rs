//! "Did you mean …": the nearest of the names that would have been right.

/// A shorter name than this is no abbreviation of another.
const SHORTEST_BEGINNING: usize = 3;

/// The candidate nearest to `name`, if one is near enough to be a slip of the keyboard; else the one that it begins.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let limit = (name.chars().count() / 3).min(3);
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let begun = || {
        let mut begun = candidates.iter().copied().filter(|candidate| candidate.to_lowercase().starts_with(&name));
        begun.next().filter(|_| name.len() >= SHORTEST_BEGINNING)
    };
    candidates
        .iter()
        .copied()
        .map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
        .or_else(begun)
}

/// A help line that names the nearest candidate, or lists them all when there are few.
pub fn help<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(near) = nearest(name, candidates.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<&str> = candidates.into_iter().collect();
    (!all.is_empty() && all.len() <= 24).then(|| format!("expected one of: {}", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_is_recognised_and_another_word_is_not() {
        assert_eq!(nearest("descripton", ["description", "backend"]), Some("description"));
        assert_eq!(nearest("serach_term", ["search_term", "customer_id"]), Some("search_term"));
        assert_eq!(nearest("phone", ["customer_id", "search_term"]), None);
        assert_eq!(nearest("a", ["n", "id"]), None);
    }

    #[test]
    fn an_abbreviation_is_recognised() {
        assert_eq!(nearest("int", ["string", "integer", "decimal"]), Some("integer"));
        assert_eq!(nearest("in", ["string", "integer", "decimal"]), None);
    }
}
