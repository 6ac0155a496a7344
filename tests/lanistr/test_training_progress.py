import logging

from lanistr.training.progress import Progress


def test_a_log_gets_one_line_per_epoch_and_a_terminal_a_bar(caplog, monkeypatch, capsys):
    record = {"epoch": 1, "loss": 0.5, "loss/mlm": 0.4, "valid/auroc": None, "loss/mim": 0.1}
    caplog.set_level(logging.INFO)
    Progress(3, 10, shown=True).finished({**record, "samples_per_second": 12.3})
    assert caplog.messages == [
        "epoch 1/3: loss/mlm 0.4000, loss/mim 0.1000, loss 0.5000, 12 samples/s"
    ]
    Progress(3, 10, shown=False).finished({**record, "samples_per_second": 12.3})
    assert len(caplog.messages) == 1
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Progress(3, 10, shown=True).epoch(0, 4) as bar:
        bar.set_postfix(loss="0.5")
    assert "epoch 1/3:  40%" in capsys.readouterr().err
