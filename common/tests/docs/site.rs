//! The site has every page, and the road has the times that the lessons state.

use super::markdown::{pages, root};

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect("a file of the repository")
}

#[test]
fn every_page_and_lesson_is_on_the_site() {
    let contents = read("docs/site/_toc.yml");
    for page in pages() {
        let name = page.path.trim_end_matches(".md").trim_end_matches(".ipynb");
        let is_there = contents.lines().any(|line| {
            line.trim_start_matches([' ', '-'])
                .split_once(": ")
                .is_some_and(|(_, file)| file == name)
        });
        assert!(is_there, "{} is not in docs/site/_toc.yml", page.path);
    }
}

/// The number before the word `minutes` behind `about`.
fn minutes(text: &str) -> Option<&str> {
    text.split("about ").skip(1).find_map(|rest| {
        let (number, behind) = rest.split_once(' ')?;
        (behind.starts_with("minutes") && number.parse::<u32>().is_ok()).then_some(number)
    })
}

#[test]
fn the_road_states_the_minutes_that_each_lesson_states() {
    let road = read("docs/README.md");
    let mut compared = 0;
    for page in pages().iter().filter(|page| page.path.ends_with(".ipynb")) {
        let stated = minutes(&page.text).expect("a lesson states its minutes");
        let file = page.path.as_str();
        let row = road
            .lines()
            .find(|line| line.starts_with("| 0") && line.contains(&format!("(../{file})")));
        let row = row.unwrap_or_else(|| panic!("{file} has no row in docs/README.md"));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[3], stated, "{file}");
        compared += 1;
    }
    assert!(compared >= 5, "{compared}");
}

/// Writes minutes as the road does.
fn hours(minutes: u32) -> String {
    match minutes % 60 {
        0 => format!("{} h", minutes / 60),
        rest => format!("{} h {rest:02}", minutes / 60),
    }
}

#[test]
fn the_times_of_the_ways_are_the_sums_of_their_lessons() {
    const EXERCISES: u32 = 40;
    let road = read("docs/README.md");
    let lessons: Vec<(String, u32)> = road
        .lines()
        .filter(|line| line.starts_with("| 0"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].to_owned(), cells[3].parse().expect("minutes"))
        })
        .collect();
    let with_exercises = |lessons: &[&(String, u32)]| {
        let plain: u32 = lessons.iter().map(|(_, minutes)| minutes).sum();
        let graded = lessons.iter().filter(|(number, _)| number != "00").count();
        let graded = u32::try_from(graded).expect("six at most");
        (
            hours(plain),
            hours(plain + EXERCISES * graded),
            hours(EXERCISES * graded),
        )
    };
    let ways = road.lines().filter(|line| line.starts_with("| a"));
    let mut compared = 0;
    for way in ways {
        let walked: Vec<_> = lessons
            .iter()
            .filter(|(number, _)| way.contains(&format!("[{number}](")))
            .collect();
        let (plain, all, _) = with_exercises(&walked);
        assert!(
            way.ends_with(&format!("| {plain}, or {all} |")),
            "{way}: {plain}, or {all}"
        );
        compared += 1;
    }
    assert_eq!(compared, 3);
    let (plain, _, exercises) = with_exercises(&lessons.iter().collect::<Vec<_>>());
    let sentence =
        format!("takes {plain} of reading and running, and {exercises} more with the exercises");
    assert!(road.contains(&sentence), "{sentence}");
}
