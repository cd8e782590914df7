import FireModel
import FireStore

extension Contents {
    /// What of `found` is not as it must be, in words; empty: nothing.
    func differences(from found: Found) -> [String] {
        compareReadings(found) + compareLatest(found) + compareFleet(found) + compareAlarms(found)
            + compareDeliveries(found) + compareQuarantine(found) + compareRecognition(found)
    }

    // MARK: - Readings

    private func compareReadings(_ found: Found) -> [String] {
        var differences: [String] = []
        var least: [Found.Line: Int] = [:]
        var most: [Found.Line: Int] = [:]
        let devices = Dictionary(uniqueKeysWithValues: fleet.devices.map { ($0.id, $0) })
        for (place, kept) in readings {
            guard let device = devices[place.device] else {
                differences.append("the model has a reading of \(place.device), which no fleet had")
                continue
            }
            let line = Found.Line(
                at: place.at, area: device.area, kind: device.kind, device: device.id, component: place.component,
                metric: place.metric, value: kept.value)
            most[line, default: 0] += 1
            if !mayBeGone(place) { least[line, default: 0] += 1 }
        }
        for (line, count) in least where found.lines[line, default: 0] < count {
            differences.append("missing: \(line)")
        }
        for (line, count) in found.lines where count > most[line, default: 0] {
            differences.append(most[line] == nil ? "never given: \(line)" : "there \(count) times: \(line)")
        }
        if found.figures.readings != Int64(found.lineCount) {
            differences.append("\(found.lineCount) readings, the store counts \(found.figures.readings)")
        }
        return differences
    }

    /// The newest of each series, with the marks and the detail that the export leaves out.
    private func compareLatest(_ found: Found) -> [String] {
        var newest: [Place: Timestamp] = [:]
        for place in readings.keys {
            newest[place.ofSeries] = max(newest[place.ofSeries] ?? place.at, place.at)
        }
        var differences: [String] = []
        for reading in found.state.latest {
            let series = found.fleet.series[Int(reading.series)]
            var place = Place(
                device: series.device, component: series.component, metric: series.metric, inactive: series.inactive,
                at: reading.at)
            guard let kept = readings[place] else {
                differences.append("the newest of \(series) was never given: \(reading)")
                continue
            }
            if kept.value != reading.value || kept.quality != reading.quality || kept.detail != reading.detail {
                differences.append("given as \(kept), found as \(reading)")
            }
            place.at = newest[place.ofSeries] ?? place.at
            newest[place.ofSeries] = nil
            if place.at != reading.at, !mayBeGone(place) {
                differences.append("not the newest of \(series): \(reading)")
            }
        }
        for (series, at) in newest {
            var place = series
            place.at = at
            if !mayBeGone(place) { differences.append("the newest is not loaded: \(place)") }
        }
        return differences
    }

    private func compareFleet(_ found: Found) -> [String] {
        if fleet.devices != found.fleet.devices {
            return ["devices: expected \(fleet.devices), found \(found.fleet.devices)"]
        }
        if fleet.series != found.fleet.series {
            return ["series: expected \(fleet.series), found \(found.fleet.series)"]
        }
        return Int64(fleet.series.count) == found.figures.series
            ? [] : ["\(fleet.series.count) series, the store counts \(found.figures.series)"]
    }

    // MARK: - Alarms, deliveries

    private func compareAlarms(_ found: Found) -> [String] {
        var differences: [String] = []
        var seen: Set<String> = []
        for alarm in found.alarms {
            guard seen.insert(alarm.id).inserted else {
                differences.append("alarm \(alarm.id) is there twice")
                continue
            }
            guard let kept = alarms[alarm.id] else {
                differences.append("alarm \(alarm.id) was never given")
                continue
            }
            if kept.alarm != alarm { differences.append("alarm: expected \(kept.alarm), found \(alarm)") }
            let history = found.histories[alarm.id] ?? []
            if kept.history != history { differences.append("history: expected \(kept.history), found \(history)") }
        }
        for (id, kept) in alarms where !seen.contains(id) && !kept.mayBeGone {
            differences.append("missing: alarm \(id)")
        }
        if !found.state.unreadableAlarms.isEmpty { differences.append("unreadable: \(found.state.unreadableAlarms)") }
        for loaded in found.state.alarms where alarms[loaded.alarm.id]?.ordinal != loaded.ordinal {
            differences.append("alarm \(loaded.alarm.id) is loaded with ordinal \(loaded.ordinal)")
        }
        let active = Set(alarms.values.filter { $0.alarm.state == .active }.map(\.alarm.id))
        let loaded = Set(found.state.alarms.filter { $0.alarm.state == .active }.map(\.alarm.id))
        if active != loaded { differences.append("active alarms: expected \(active), loaded \(loaded)") }
        return differences
    }

    private func compareDeliveries(_ found: Found) -> [String] {
        var differences: [String] = []
        var seen: Set<String> = []
        let foundAlarms = Set(found.alarms.map(\.id))
        for summary in found.deliveries {
            guard seen.insert(summary.id).inserted else {
                differences.append("delivery \(summary.id) is there twice")
                continue
            }
            guard let kept = deliveries[summary.id] else {
                differences.append("delivery \(summary.id) was never given")
                continue
            }
            if kept.summary != summary {
                differences.append("delivery: expected \(kept.summary), found \(summary)")
            }
            if kept.delivery.snapshot != found.snapshots[summary.id] {
                differences.append("delivery \(summary.id) has lost its snapshot")
            }
        }
        // Deleted with its alarm or not at all.
        for (id, kept) in deliveries {
            let alarm = kept.delivery.alarm
            let isExpected = foundAlarms.contains(alarm) || alarms[alarm]?.mayBeGone != true
            if isExpected != seen.contains(id) {
                differences.append("\(isExpected ? "missing" : "left without its alarm"): delivery \(id)")
            }
        }
        return differences
    }

    // MARK: - The rest

    private func compareQuarantine(_ found: Found) -> [String] {
        var differences: [String] = []
        var left = quarantine
        for item in found.quarantine {
            guard let index = left.firstIndex(where: { $0.rejection.payload == item.payload }) else {
                differences.append("quarantined \(item.id) was never given, or is there twice")
                continue
            }
            let it = left.remove(at: index).rejection
            let expected = QuarantineItem(
                id: item.id, receivedAt: it.receivedAt, topic: it.topic,
                reason: "\(it.reason.rawValue): \(it.explanation)", payload: it.payload,
                publishedLength: it.publishedLength, lane: it.lane)
            if item != expected { differences.append("quarantined \(item.id) is not as it was given") }
        }
        for it in left where !it.mayBeGone { differences.append("missing: quarantined at \(it.rejection.receivedAt)") }
        return differences
    }

    private func compareRecognition(_ found: Found) -> [String] {
        var differences: [String] = []
        for lane in Lane.allCases {
            let its = found.state.redeliveries.filter { $0.lane == lane }
            if its != redeliveries[lane] ?? [] { differences.append("redeliveries \(lane): found \(its)") }
        }
        let marks = Set(retained.map { RetainedMark(topicHash: $0.key, contentHash: $0.value) })
        if marks != Set(found.state.retained) || marks.count != found.state.retained.count {
            differences.append("retained: expected \(marks), found \(found.state.retained)")
        }
        return differences
    }
}

extension Contents.Place {
    /// Without the time.
    fileprivate var ofSeries: Contents.Place {
        var place = self
        place.at = Timestamp(milliseconds: 0)
        return place
    }
}

extension Contents.KeptDelivery {
    fileprivate var summary: DeliverySummary {
        DeliverySummary(
            id: delivery.id, endpoint: delivery.endpoint, alarm: delivery.alarm, type: delivery.type, state: state,
            createdAt: delivery.createdAt, nextAttemptAt: state == .pending ? delivery.dueAt : nil, attempts: attempts)
    }
}
