import FireModel
import Testing

@Suite struct TextTemplateTests {
    @Test func bracesAndPlaces() throws {
        let template = try #require(TextTemplate("{{{title}}} at {device}\r\n\n{value}{{}}\n"))
        #expect(template.text { "<\($0.rawValue)>" } == "{<title>} at <device>\n\n<value>{}")
        #expect(TextTemplate("")?.text { _ in "x" } == "")
    }

    @Test func linesWhosePlacesAreAllEmptyAreLeftOut() throws {
        let template = try #require(TextTemplate("first\nvalue: {value} {unit}\n{title}: {detail}\n\nlast"))
        #expect(template.text { $0 == .title ? "T" : "" } == "first\nT: \n\nlast")
    }

    @Test func everyKnownPlaceIsTaken() throws {
        for place in TextTemplate.Place.allCases {
            #expect(TextTemplate.problem(in: "a {\(place.rawValue)} b") == nil)
            #expect(TextTemplate("{\(place.rawValue)}")?.text { $0.rawValue } == place.rawValue)
        }
    }

    @Test(arguments: [
        ("{titel}", ["line 1", "unknown place '{titel}'", "did you mean '{title}'?", "{raised_at}"]),
        ("a\n{raisedat}", ["line 2", "'{raisedat}'", "did you mean '{raised_at}'?"]),
        ("{Title}", ["unknown place '{Title}'", "did you mean '{title}'?"]),
        ("{}", ["unknown place '{}'", "expected one of"]),
        ("{ title }", ["unknown place '{ title }'"]),
        ("x {title", ["line 1", "'{title' without its '}'", "'{{'"]),
        ("{title\n}", ["line 1", "without its '}'"]),
        ("a } b", ["single '}'", "'}}'"]),
        ("{a{title}", ["without its '}'"]),
    ])
    func aProblemSaysWhatCameAndWhatWasExpected(_ template: String, _ parts: [String]) throws {
        #expect(TextTemplate(template) == nil)
        let problem = try #require(TextTemplate.problem(in: template)).description
        for part in parts { #expect(problem.contains(part), "\(problem)") }
    }
}
