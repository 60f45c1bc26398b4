"""What a Chrome trace has to keep to, checked apart from what writes it."""

from collections import defaultdict


def check_trace(events):
    """AssertionError unless slices nest strictly, times do not go back on a track, and every arrow has both ends."""
    stacks, last = defaultdict(list), defaultdict(int)
    arrows = defaultdict(dict)
    named = {(event["pid"], event.get("tid")) for event in events if event["ph"] == "M"}
    for event in events:
        if event["ph"] == "M":
            assert event["args"]["name"]
            continue
        track = event["pid"], event["tid"]
        assert track in named, event
        assert event["ts"] >= last[track], event
        assert event["name"], event
        last[track] = event["ts"]
        stack = stacks[track]
        if event["ph"] == "X":
            begin, end = event["ts"], event["ts"] + event["dur"]
            assert event["dur"] > 0, event
            while stack and stack[-1][1] <= begin:
                stack.pop()
            assert not stack or end <= stack[-1][1], (event, stack[-1])
            stack.append((begin, end))
        elif event["ph"] in "sf":
            assert event["ph"] not in arrows[event["id"]], event
            assert stack, event
            assert stack[-1][0] <= event["ts"] <= stack[-1][1], event
            arrows[event["id"]][event["ph"]] = event["ts"]
        else:
            assert event["ph"] == "i", event
    for ends in arrows.values():
        assert ends["s"] <= ends["f"]
    return len(arrows)
