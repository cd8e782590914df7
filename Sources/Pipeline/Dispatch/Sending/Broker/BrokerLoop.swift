import FireMQTT

/// The connection of `BrokerSender`, on its thread.
final class BrokerLoop: MQTTDelegate {
    /// For a broker that does not answer.
    private static let patience = Duration.seconds(5)
    /// Without anything to do the client is looked after once a second.
    private static let round = Duration.seconds(1)

    /// What of a job the broker has not acknowledged.
    private struct Flight {
        let job: BrokerJob
        var left: Int
    }

    private let address: BrokerAddress
    private let wakeUp: WakeUp
    private var client: MQTTClient?
    /// By number, and the number by packet id: the messages of a job share its fate.
    private var flights: [UInt64: Flight] = [:]
    private var owners: [UInt16: UInt64] = [:]
    private var count: UInt64 = 0

    init(_ address: BrokerAddress, _ wakeUp: WakeUp) {
        self.address = address
        self.wakeUp = wakeUp
    }

    /// Sends what has come, then waits until something happens.
    func turn(_ jobs: [BrokerJob], password: MQTTPassword?) {
        do throws(MQTTError) {
            if client == nil, !jobs.isEmpty { try connect(password) }
            guard let client else {
                wakeUp.wait(-1)
                return wakeUp.drain()
            }
            for job in jobs where !job.isFinished { try publish(job, client) }
            try client.step(Self.round, wakingOn: wakeUp.descriptor)
            wakeUp.drain()
            // The broker had its time: what it has not acknowledged is forgotten with the connection.
            if flights.values.contains(where: \.job.isFinished) { drop(Failure.timeout(Self.patience)) }
        } catch {
            let failure = Failure(error)
            for job in jobs { job.finish(.failed(failure)) }
            drop(failure)
        }
        if client == nil { wakeUp.drain() }
    }

    func close() {
        try? client?.disconnect()
        try? client?.loopWrite()
        drop(Failure(reason: .closed, text: "the gateway stops"))
    }

    private func connect(_ password: MQTTPassword?) throws(MQTTError) {
        var options = address.options
        options.password = password
        let client = try MQTTClient(options)
        client.delegate = self
        try client.connect(host: address.host, port: address.port)
        let deadline = ContinuousClock.now + Self.patience
        while !client.isConnected {
            guard ContinuousClock.now < deadline else { throw .noAnswer(client.peer, within: Self.patience) }
            try client.step(.milliseconds(100))
        }
        self.client = client
    }

    private func publish(_ job: BrokerJob, _ client: MQTTClient) throws(MQTTError) {
        count += 1
        flights[count] = Flight(job: job, left: job.publishes.count)
        do {
            for publish in job.publishes {
                let packet = try client.publish(
                    publish.topic, publish.payload, qos: 1, isRetained: publish.isRetained)
                owners[packet] = count
            }
        } catch  where error.kind == .setting {
            // The library does not take this message; the connection is as good as before.
            flights[count] = nil
            job.finish(.failed(Failure(error)))
        }
    }

    private func drop(_ failure: Failure) {
        client?.abandon()
        client = nil
        for flight in flights.values { flight.job.finish(.failed(failure)) }
        flights.removeAll()
        owners.removeAll()
    }

    func mqttPublished(packetID: UInt16, reason: Int) {
        guard let number = owners.removeValue(forKey: packetID), var flight = flights[number] else { return }
        if let refusal = MQTTClient.refusal(reason: reason) {
            flight.job.finish(
                .failed(
                    Failure(
                        reason: .clientError,
                        text: "the broker refuses the message: \(refusal); its access rules must let "
                            + "\(address.options.username ?? "this client") write fire/v1/+/alarm/# and "
                            + "fire/v1/+/gateway/#", isLasting: true)))
            flights[number] = nil
            return
        }
        flight.left -= 1
        flights[number] = flight.left > 0 ? flight : nil
        if flight.left == 0 { flight.job.finish(.taken) }
    }
}

extension Failure {
    fileprivate init(_ error: MQTTError) {
        let reason: Reason =
            switch error.kind {
            case .setting: .unsendable
            case .unreachable: .unreachable
            case .tls: .tls
            case .notAuthorised, .refused: .clientError
            case .takenOver, .lost, .notConnected: .closed
            }
        self.init(reason: reason, text: error.description)
    }
}
