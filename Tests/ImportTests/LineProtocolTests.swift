import FireImport
import FireModel
import Testing

struct LineProtocolTests {
    private let at: Int64 = 1_795_458_000_123

    @Test func readsWhatExportAndOthersWrite() {
        let found = read(
            #"""
            # a comment, then an empty line

            hydrant,area=320102,device=h-1 pressure=0.312 1795458000123
            charger,area=320102,device=c-1,component=port\ 3\,\=x current=1.92,count=12i,big=18446744073709551615u,on=t,off=False,state="a \"b\" \\ c,d e=f" 1795458000123
            panel,area=320102,device=p-1 event.fire=true 1795458000123456789
            panel,area=320102,device=p-1 event.fire=false,event.fault=0i 1795458000123456
            whatever,kind=hydrant,device=h-2 flow=-1.5e-3 1795458000
            """#, .line)
        #expect(found.refusals == [])
        #expect(
            found.rows == [
                Found(3, at, "320102/hydrant/h-1/-/pressure=0.312"),
                Found(4, at, "320102/charger/c-1/port 3,=x/current=1.92"),
                Found(4, at, "320102/charger/c-1/port 3,=x/count=12"),
                Found(4, at, "320102/charger/c-1/port 3,=x/big=1.8446744073709552e+19"),
                Found(4, at, "320102/charger/c-1/port 3,=x/on=true"),
                Found(4, at, "320102/charger/c-1/port 3,=x/off=false"),
                Found(4, at, #"320102/charger/c-1/port 3,=x/state="a "b" \ c,d e=f""#),
                Found(5, at, "320102/panel/p-1/-/event.fire=true"),
                Found(6, at, "320102/panel/p-1/-/event.fire!=false"),
                Found(6, at, "320102/panel/p-1/-/event.fault!=false"),
                Found(7, 1_795_458_000_000, "-/hydrant/h-2/-/flow=-0.0015"),
            ])
    }

    @Test func textsHoldLineEnds() {
        let found = read("c,device=c state=\"a\nb\" 1795458000123\nc,device=c state=\"\" 1795458000123", .line)
        #expect(found.rows == [Found(1, at, "-/c/c/-/state=\"a\nb\""), Found(3, at, "-/c/c/-/state=\"\"")])
    }

    @Test func precisionIsSaidOrSeen() {
        for (precision, text) in [
            (ImportPrecision.s, "1795458000"), (.ms, "1795458000123"), (.us, "1795458000123456"),
            (.ns, "1795458000123456789"),
        ] {
            let expected = precision == .s ? 1_795_458_000_000 : at
            for said in [precision, nil] {
                #expect(
                    read("h,device=h p=1 \(text)", .line, precision: said).rows.map(\.at) == [expected])
            }
        }
        #expect(read("h,device=h p=1 1795458000123", .line, precision: .ns).refused == 1)
        #expect(read("h,device=h p=1 9223372036854775807", .line, precision: .s).refused == 1)
    }

    @Test(arguments: [
        ("h,device=h p=1", "no time"), ("h,device=h p=1 ", "no time"), ("h,device=h p=1 x", "time 'x'"),
        ("h,device=h p=1 1795458000123 x", "time '1795458000123 x'"), ("h,device=h p=yes 1795458000123", "value 'yes'"),
        ("h,device=h p=12x 1795458000123", "value '12x'"), ("h,device=h p= 1795458000123", "value ''"),
        ("h,device=h p=0x10 1795458000123", "value '0x10'"), ("h,device=h p=1e999 1795458000123", "value '1e999'"),
        ("h,host=gw,device=h p=1 1795458000123", "tag 'host'"), ("h,device= p=1 1795458000123", "tag 'device'"),
        ("h,device=h", "the end of the line in tag 'device'"), ("h", "the end of the line in the measurement"),
        (",device=h p=1 1795458000123", "the measurement without a name"),
        ("h,device=h =1 1795458000123", "a field without a name"),
        ("h,device=h event.fire=\"on\" 1795458000123", "value 'on' of an event"),
    ])
    func lineThatIsRefusedCostsItself(line: String, found: String) throws {
        let good = "h,device=h p=1 1795458000123\n"
        let result = read(good + line + "\n" + good, .line)
        #expect(result.rows.map(\.line) == [1, 3], "\(result)")
        let refusal = try #require(result.refusals.first)
        #expect(result.refused == 1)
        #expect(refusal.line == 2)
        #expect(refusal.found.hasPrefix(found), "\(refusal)")
    }
}
