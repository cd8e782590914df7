import FireModel

/// The parts of the page at `/`: one file, nothing from elsewhere, text from the gateway only ever as text.
enum DutyPage {
    /// As every other text for people calls them.
    private static let words: String = {
        var json = JSONWriter()
        json.object { json in
            for category in AlarmCategory.allCases { json.field(category.rawValue, category.title.zh) }
            for severity in AlarmSeverity.allCases { json.field(severity.rawValue, severity.title.zh) }
        }
        return json.text
    }()

    private static let ranks: String = {
        var json = JSONWriter()
        json.array { json in for severity in AlarmSeverity.allCases { json.string(severity.rawValue) } }
        return json.text
    }()

    static let style = """

        body { font: 16px/1.5 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; margin: 0 auto;
          max-width: 70rem; padding: 1rem; color: #1b1b1b; background: #fff; }
        h1 { font-size: 1.3rem; } h2 { font-size: 1.1rem; margin-top: 1.5rem; }
        [lang=en] { color: #5a5a5a; font-size: .85em; }
        #state { padding: .7rem 1rem; border-radius: .3rem; border: 2px solid #777; font-weight: bold; }
        #state.good { border-color: #18794e; } #state.bad { border-color: #c4001a; background: #ffecec; }
        #state ul { font-weight: normal; margin: .3rem 0 0; }
        table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .5rem;
          border-bottom: 1px solid #ddd; vertical-align: top; }
        tr.fire td { background: #c4001a; color: #fff; font-weight: bold; } tr.fire [lang=en] { color: #fff; }
        #access { display: none; } #access.asked { display: block; }

        """

    static let body = """
        <h1>FireSense 消防物联网关 <span lang="en">fire telemetry gateway</span></h1>
        <div id="state" role="status" aria-live="polite">正在查询… <span lang="en">asking…</span></div>
        <p id="access"><label>访问令牌 <span lang="en">token</span>
        <input id="token" type="password" autocomplete="off"></label>
        <button id="enter">确定 <span lang="en">OK</span></button></p>
        <h2>未解除的报警 <span lang="en">active alarms</span> <span id="count"></span></h2>
        <table><thead><tr><th>类别 <span lang="en">category</span></th><th>等级 <span lang="en">severity</span></th>
        <th>内容 <span lang="en">what</span></th><th>设备 <span lang="en">device</span></th>
        <th>接收时间 <span lang="en">received</span></th><th>接警 <span lang="en">acknowledged</span></th></tr></thead>
        <tbody id="alarms"></tbody></table>
        <h2>接口 <span lang="en">interface</span></h2>
        <p><a href="/openapi.json">/openapi.json</a> · <a href="/readyz">/readyz</a> · <a href="/healthz">/healthz</a>
        · <a href="/metrics">/metrics</a> · <a href="/api/v1/stats">/api/v1/stats</a></p>
        """

    static let script = """

        'use strict';
        const words = \(words);
        const ranks = \(ranks);
        const part = id => document.getElementById(id);

        function element(tag, text, lang) {
          const made = document.createElement(tag);
          if (lang) made.lang = lang;
          made.textContent = text;
          return made;
        }
        function both(tag, zh, en) {
          const made = element(tag, zh + ' ');
          made.append(element('span', en, 'en'));
          return made;
        }

        async function ask(path) {
          const token = sessionStorage.getItem('token');
          const headers = token ? { Authorization: 'Bearer ' + token } : {};
          return fetch(path, { headers, cache: 'no-store', signal: AbortSignal.timeout(8000) });
        }

        async function showState() {
          const answer = await (await ask('/readyz')).json();
          const state = part('state');
          state.className = answer.ready ? 'good' : 'bad';
          state.replaceChildren(answer.ready ? both('span', '运行正常', 'ready') : both('span', '未就绪', 'not ready'));
          if (answer.ready) return;
          const list = document.createElement('ul');
          for (const reason of answer.reasons) list.append(element('li', reason));
          state.append(list);
        }

        function row(alarm) {
          const made = document.createElement('tr');
          if (alarm.category === 'fire') made.className = 'fire';
          made.append(both('td', words[alarm.category] || alarm.category, alarm.category));
          made.append(both('td', words[alarm.severity] || alarm.severity, alarm.severity));
          const what = both('td', alarm.title.zh, alarm.title.en);
          if (alarm.drill) what.append(both('span', ' 演练', 'drill'));
          if (alarm.value !== null) what.append(element('span', ' ' + alarm.value + ' ' + (alarm.unit || '')));
          made.append(what);
          const place = [alarm.device.name, alarm.device.site, alarm.device.address, alarm.component_name || alarm.component];
          made.append(element('td', [alarm.device.id, ...place.filter(Boolean)].join(' · ')));
          made.append(element('td', new Date(alarm.received_at).toLocaleString()));
          made.append(element('td', alarm.acknowledged ? alarm.acknowledged_by : '—'));
          return made;
        }

        // Where there is no answer, such as from a gateway that is busy, what is shown stays and is marked as old.
        async function read(answer) {
          if (!answer.ok) throw answer.status;
          return await answer.json();
        }

        async function showAlarms() {
          // Fires on their own, so that no number of other alarms can push one off the page.
          const fires = [];
          for (let cursor = ''; cursor !== null;) {
            const answer = await ask('/api/v1/alarms?state=active&category=fire&limit=1000' + cursor);
            const isClosed = answer.status === 401 || answer.status === 403;
            part('access').className = isClosed ? 'asked' : '';
            if (isClosed) {
              part('alarms').replaceChildren();
              part('count').textContent = '';
              return;
            }
            const page = await read(answer);
            fires.push(...page.items);
            cursor = page.next === null ? null : '&cursor=' + encodeURIComponent(page.next);
          }
          const all = await read(await ask('/api/v1/alarms?state=active&limit=200'));
          const items = fires.concat(all.items.filter(alarm => alarm.category !== 'fire'));
          items.sort((a, b) => (b.category === 'fire') - (a.category === 'fire')
            || ranks.indexOf(a.severity) - ranks.indexOf(b.severity)
            || b.received_at.localeCompare(a.received_at));
          part('count').textContent = items.length + (all.next === null ? '' : '+');
          part('alarms').replaceChildren(...items.map(row));
        }

        async function refresh() {
          try {
            await showState();
            await showAlarms();
          } catch {
            part('state').className = 'bad';
            part('state').replaceChildren(both('span', '网关无应答，所示内容可能已过时', 'no answer; what is shown may be old'));
          }
          setTimeout(refresh, 5000);
        }

        part('enter').onclick = () => {
          sessionStorage.setItem('token', part('token').value);
          part('token').value = '';
          showAlarms().catch(() => {});
        };
        refresh();

        """
}
