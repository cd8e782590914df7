import FireModel
import Hummingbird

/// `/openapi.json`: OpenAPI 3.1, written from the table of routes.
enum OpenAPI {
    static func describe(_ routes: [Route]) -> String {
        var json = JSONWriter()
        json.object { json in
            json.field("openapi", "3.1.0")
            json.key("info")
            json.object {
                $0.field("title", "FireSense")
                $0.field("version", "v1")
                $0.field(
                    "description",
                    "Times in answers are RFC 3339 UTC with milliseconds, except in `points` and CSV, which are "
                        + "integer milliseconds. Errors are RFC 9457 problems, also where what came is not HTTP. New "
                        + "fields may be added to answers. An answer that is given before the whole request was read "
                        + "is the last one on its connection.")
            }
            json.key("paths")
            json.object { json in
                for path in paths(routes) {
                    json.key(path)
                    json.object { json in
                        for route in routes where route.path == path {
                            json.key(route.method.rawValue.lowercased())
                            write(route, to: &json)
                        }
                    }
                }
            }
            json.key("components")
            json.object(writeComponents)
        }
        return json.text
    }

    private static func paths(_ routes: [Route]) -> [String] {
        var paths: [String] = []
        for route in routes where !paths.contains(route.path) { paths.append(route.path) }
        return paths
    }

    private static func write(_ route: Route, to json: inout JSONWriter) {
        json.object { json in
            json.field("operationId", operationID(route))
            json.field("summary", route.summary)
            json.key("security")
            json.array { json in
                guard let scope = route.scope else { return }
                json.object { $0.field("bearer", [scope.rawValue]) }
            }
            writeParameters(of: route, to: &json)
            if let fields = route.body { writeBody(fields, to: &json) }
            if let upload = route.upload {
                json.key("requestBody")
                json.object { json in
                    json.field("description", upload.text)
                    json.field("required", true)
                    json.content(upload.types, .string)
                }
            }
            json.key("responses")
            json.object { json in
                writeSuccess(route.answer, to: &json)
                for (status, reason) in refusals(of: route) {
                    json.key(String(status))
                    json.object { json in
                        json.field("description", reason)
                        if let shape = route.shapes[status] {
                            json.content("application/json", shape)
                        } else {
                            json.content(Problem.contentType, .reference("Problem"))
                        }
                    }
                }
                json.key("default")
                json.object { json in
                    json.field("description", "Anything else, such as a foreign `Host` or a failure inside.")
                    json.content(Problem.contentType, .reference("Problem"))
                }
            }
        }
    }

    /// `get_api_v1_alarms_id`.
    private static func operationID(_ route: Route) -> String {
        let words = route.path.split { !$0.isLetter && !$0.isNumber }
        return ([route.method.rawValue.lowercased()] + words.map(String.init)).joined(separator: "_")
    }

    private static func writeParameters(of route: Route, to json: inout JSONWriter) {
        guard route.id != nil || !route.parameters.isEmpty else { return }
        json.key("parameters")
        json.array { json in
            if let id = route.id {
                json.object { json in
                    json.field("name", "id")
                    json.field("in", "path")
                    json.field("required", true)
                    json.key("schema")
                    Schema.string.saying(id).writeJSON(to: &json)
                }
            }
            for parameter in route.parameters {
                json.object { json in
                    json.field("name", parameter.name)
                    json.field("in", "query")
                    json.field("required", parameter.isRequired)
                    json.key("schema")
                    parameter.schema.writeJSON(to: &json)
                }
            }
        }
    }

    private static func writeBody(_ fields: [any BodyFieldDescription], to json: inout JSONWriter) {
        json.key("requestBody")
        json.object { json in
            json.field("required", fields.contains { $0.isRequired })
            let properties = fields.map {
                Schema.Property(name: $0.name, schema: $0.schema, isRequired: $0.isRequired)
            }
            json.content("application/json", Schema(form: .object(properties)))
        }
    }

    private static func writeSuccess(_ answer: Route.Described, to json: inout JSONWriter) {
        json.key("200")
        json.object { json in
            switch answer {
            case .json(let schema):
                json.field("description", "As asked.")
                json.content("application/json", schema)
            case .text(let types, let text):
                json.field("description", text)
                json.content(types, .string)
            }
        }
    }

    private static func refusals(of route: Route) -> [(Int, String)] {
        var refusals = Array(route.refusals).map { ($0.key, $0.value) }
        if !route.parameters.isEmpty || route.body != nil { refusals.append((400, "The request cannot be read.")) }
        if route.scope != nil {
            refusals.append((401, "A bearer token is needed."))
            refusals.append((403, "The scope does not reach, or no tokens are configured."))
        }
        if route.body != nil {
            refusals.append((408, "The body did not arrive in time."))
            refusals.append((413, "The body is too large."))
        }
        switch route.weight {
        case .light: break
        case .list: refusals.append((503, "Too many lists are being sent at once, or the store cannot be read."))
        case .heavy: refusals.append((503, "Too many large queries at once, or the store cannot be read."))
        }
        return refusals.sorted { $0.0 < $1.0 }
    }

    private static func writeComponents(to json: inout JSONWriter) {
        json.key("schemas")
        json.object { json in
            for (name, schema) in Schemas.all {
                json.key(name)
                schema.writeJSON(to: &json)
            }
        }
        json.key("securitySchemes")
        json.object { json in
            json.key("bearer")
            json.object {
                $0.field("type", "http")
                $0.field("scheme", "bearer")
                $0.field(
                    "description",
                    "A token of the tokens file; scopes read, operate, admin, each including the ones before. "
                        + "Without a tokens file reading is open on loopback and changing is refused.")
            }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func content(_ type: String, _ schema: Schema) { content([type], schema) }

    fileprivate mutating func content(_ types: [String], _ schema: Schema) {
        key("content")
        object { json in
            for type in types {
                json.key(type)
                json.object { json in
                    json.key("schema")
                    schema.writeJSON(to: &json)
                }
            }
        }
    }
}
