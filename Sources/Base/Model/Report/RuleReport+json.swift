extension RuleReport {
    public func writeJSON(to json: inout JSONWriter) {
        json.object { json in
            json.field("from", from)
            json.field("to", to)
            json.field("operators", operators)
            json.field("alarms", list.alarms)
            json.field("warnings", warnings)
            json.key("rules")
            json.array { json in for group in groups { group.writeJSON(to: &json) } }
            json.key("figures")
            json.array { json in
                for figure in list.figures {
                    json.object { json in
                        json.field("name", figure.name)
                        json.field("value", figure.value)
                        json.field("acceptable", figure.acceptable)
                        json.field("is_acceptable", figure.isAcceptable)
                    }
                }
            }
            json.key("top")
            json.array { json in
                for one in list.top {
                    json.object { json in
                        json.field("rule", one.rule)
                        json.field("device", one.device)
                        json.field("component", one.component)
                        json.field("count", one.count)
                    }
                }
            }
        }
    }

    public var json: String {
        var json = JSONWriter()
        writeJSON(to: &json)
        return json.text
    }
}

extension RuleFigures {
    fileprivate func writeJSON(to json: inout JSONWriter) {
        json.object { json in
            json.field("rule", rule)
            json.field("device", device)
            json.field("raised", raised)
            json.field("true", judgedTrue)
            json.field("false", judgedFalse)
            json.field("test", tests)
            json.field("unjudged", unjudged)
            json.field("precision", precision)
            json.field("acknowledged_median_ms", acknowledgedMedian?.wholeMilliseconds)
            json.field("acknowledged_p90_ms", acknowledgedP90?.wholeMilliseconds)
            json.field("chattering", chattering)
            json.field("fleeting", fleeting)
            json.field("stale", stale)
        }
    }
}
