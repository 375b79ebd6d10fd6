"""The search as a part of the energy core: tempered chains of programs under one energy."""

import math
import sys
import time

import torch
from torch import Tensor

from esr.equations import postorder
from esr.random import RandomStreams
from esr.search.chains.alphabet import Alphabet
from esr.search.chains.constants import ConstantRefit
from esr.search.chains.draws import Draws
from esr.search.chains.edges import EdgePotentials
from esr.search.chains.energy import Energy, Fits
from esr.search.chains.heap import Heap, Programs
from esr.search.chains.mutations import Mutations
from esr.search.chains.patterns import Patterns
from esr.search.chains.recall_moves import RecallMoves
from esr.search.chains.settings import Parts, Settings
from esr.search.chains.tape import Tape
from esr.search.chains.transforms import transforms
from esr.search.clock import Clock
from esr.search.front import SearchFront
from esr.search.memory import remember
from esr.search.question import Question, Rows

DT = torch.float32
SHARES = dict(redraw=0.3, replace=0.2, regain=0.1, settle=0.1, cross=0.2, lift=0.15)
MARGIN = 0.5


class Chains:
    def __init__(self, parts=Parts(), settings=Settings()):
        self.parts, self.settings = parts, settings

    def search(self, front, clock, streams):
        s = _Search(front, clock, streams, self.parts, self.settings)
        self.last = s
        s.run()


class _Search:
    def __init__(self, front, clock, streams, parts, settings):
        q = front.question
        self.front, self.clock, self.parts, self.settings = front, clock, parts, settings
        rows = q.training
        dev = rows.target.device
        self.draws = Draws(streams["chains"], dev)
        n = len(rows.target)
        if n > settings.rows:
            rows = rows.taken(self.draws.order(n)[: settings.rows])
        self.rows = rows
        qq = Question(rows, q.validation, q.primitives, q.rules, q.max_complexity, q.precision)
        self.alphabet = Alphabet(q.primitives, q.variables, dev)
        self.heap = Heap(settings.depth, dev)
        self.tr = (
            transforms(rows.target, q.primitives)
            if parts.transforms
            else transforms(rows.target, q.primitives)[:1]
        )
        targets = torch.stack([t.forward(rows.target) for t in self.tr])
        node = min(max(math.log(20) / n, 0.01), 0.05)
        mean = targets.abs().mean(1)
        self.energy = Energy(self.alphabet, targets.to(DT), rows.weights.to(DT), node)
        self.table = self.alphabet.table(rows.inputs).to(DT)
        t = time.process_time()
        self.memory = remember(qq, settings.patterns, clock.part(0.2))
        self.patterns = Patterns(self.memory, self.alphabet, self.heap, DT)
        self.tmem = time.process_time() - t
        self.pot = EdgePotentials(self.alphabet, self.heap)
        self.mut = Mutations(self.alphabet, self.heap, self.pot, self.draws)
        self.refit = ConstantRefit(self.alphabet, self.heap, self.energy, self.table, steps=2)
        self.polish = ConstantRefit(self.alphabet, self.heap, self.energy, self.table, steps=5)
        self.rec = RecallMoves(
            self.alphabet,
            self.heap,
            self.energy,
            self.table,
            self.patterns,
            self.draws,
            curvature=parts.curvature,
        )
        L, K = (
            settings.ladders or max(4, min(40, 50000 // (len(rows.target) * settings.rungs))),
            settings.rungs,
        )
        self.L = L
        self.R = L * K
        ladder = settings.coldest * (settings.hottest / settings.coldest) ** (
            torch.arange(K, dtype=torch.float64, device=dev) / (K - 1)
        )
        self.temps = ladder.repeat(L)
        G = len(self.tr)
        g = [0 if l % 2 == 0 or G == 1 else 1 + (l // 2) % (G - 1) for l in range(L)]
        self.groups = torch.tensor(g, device=dev).repeat_interleave(K)
        self.evals = 0
        self.best_by_size = {}
        self.seen = set()
        self.tim = {}

    def evaluated(self, p, groups):
        tape = Tape(self.alphabet, self.heap, p.symbols)
        v = tape.values(p.gains, self.table)
        self.evals += len(p)
        return self.energy.fits(v[tape.roots], self.energy.sizes(p), groups)

    def tick(self, name, t):
        n = time.process_time()
        self.tim[name] = self.tim.get(name, 0) + n - t
        return n

    def run(self):
        R = self.R
        self.p = self.mut.fresh(R, self.table)
        self.f = self.evaluated(self.p, self.groups)
        self.it = 0
        self.restarts = 0
        self.lbest = [(math.inf, 0)] * self.L
        while not self.clock.expired and self.front.exact is None:
            self.step()
            self.it += 1

    def step(self):
        R, parts, draws = self.R, self.parts, self.draws
        t = time.process_time()
        allr = torch.arange(R, device=self.temps.device)
        owners, progs, ratio = [], [], []

        def add(o, p, r=None):
            owners.append(o)
            progs.append(p)
            ratio.append(
                torch.zeros(len(o), dtype=torch.float64, device=o.device)
                if r is None
                else r.double()
            )

        sound = self.f.energy.isfinite()
        if parts.retrieval and self.it % 3 == 0:
            o = allr[sound]
            src, pr = self.rec.propose(
                self.p.at(o), self.f.at(o), self.groups[o], self.temps[o], 2
            )
            add(o[src], pr)
            t = self.tick("recall", t)
            if parts.pairs and self.it % 6 == 0:
                cold = allr[sound & (self.temps < self.temps.median())]
                o = cold[draws.order(len(cold))[:2]]
                src, pr = self.rec.pairs(self.p.at(o), self.f.at(o), self.groups[o], 8)
                if len(src):
                    add(o[src], pr)
                t = self.tick("pairs", t)
        else:
            kind = draws.of_shares(list(SHARES.values()), R)
            hot = self.temps >= self.settings.hottest * 0.6
            kind[~sound | (hot & (draws.uniform(R) < 0.3))] = -1
            for k, n in enumerate(["fresh", *SHARES], -1):
                o = allr[kind == k]
                if not len(o):
                    continue
                cur = self.p.at(o)
                if n == "fresh":
                    add(o, self.mut.fresh(len(o), self.table))
                elif n == "redraw":
                    pr, r = self.mut.redrawn(cur)
                    add(o, pr, r)
                elif n == "replace":
                    add(o, self.mut.replaced(cur))
                elif n == "regain":
                    add(o, self.mut.regained(cur))
                elif n == "settle":
                    add(o, self.mut.settled(cur))
                elif n == "cross":
                    other = draws.integers(R, len(o))
                    add(o, self.mut.crossed(cur, self.p.at(other)))
                elif n == "lift":
                    add(o, self.mut.lifted(cur))
            t = self.tick("local", t)
        owner, prog, ratio = torch.cat(owners), Programs.joined(progs), torch.cat(ratio)
        gain0 = prog.gains[:, 0]
        prog.gains[:, 0] = torch.where(prog.symbols[:, 0] == self.alphabet.number, gain0, 1.0)
        t = self.tick("local", t)
        fits = self.evaluated(prog, self.groups[owner])
        t = self.tick("eval", t)
        noise = -(-draws.uniform(len(owner)).clamp(min=1e-300).log()).log()
        score = torch.where(
            fits.energy.isfinite(), noise * self.temps[owner] - fits.energy, -math.inf
        )
        best = torch.full((R,), -math.inf, dtype=score.dtype, device=score.device).scatter_reduce(
            0, owner, score, "amax"
        )
        chosen = ((score == best[owner]) & score.isfinite()).nonzero()[:, 0]
        owner, prog, fits, ratio = owner[chosen], prog.at(chosen), fits.at(chosen), ratio[chosen]
        if parts.refit:
            prom = (fits.energy < self.f.energy[owner] + MARGIN).nonzero()[:, 0]
            if len(prom):
                p2, f2 = self.refit.refitted(
                    prog.at(prom), fits.at(prom), self.groups[owner[prom]]
                )
                prog.put_(prom, p2)
                fits.put_(prom, f2)
        t = self.tick("refit", t)
        change = (self.f.energy[owner] - fits.energy) / self.temps[owner] + ratio
        ok = (draws.uniform(len(owner)).log() < change) | ~self.f.energy[owner].isfinite()
        w = owner[ok]
        self.p.put_(w, prog.at(ok))
        self.f.put_(w, fits.at(ok))
        self.offer(prog, fits, self.groups[owner])
        t = self.tick("offer", t)
        if parts.exchange:
            self.swap()
        if parts.hebbian and self.it % 10 == 9:
            self.hebb()
        if parts.refit and self.it % 12 == 5:
            self.p, self.f = self.polish.refitted(self.p, self.f, self.groups)
            self.offer(self.p, self.f, self.groups)
        if parts.growth and self.it % 15 == 14:
            self.grow()
        self.restart()
        t = self.tick("rest", t)

    def grow(self):
        K = self.settings.rungs
        seen = len(self.memory)
        cold = [l * K + int(self.f.energy[l * K : (l + 1) * K].argmin()) for l in range(self.L)]
        for r in cold:
            if len(self.memory) - seen > 12:
                break
            ex = self.alphabet.expression(
                self.p.symbols[r].tolist(), self.p.gains[r].double().tolist()
            )
            for n in postorder(ex):
                if 4 <= n.complexity <= 15:
                    self.memory.write(n)
        if len(self.memory) > seen:
            self.patterns.refresh()
            self.rec._retrieval.refresh()

    def restart(self):
        K, L = self.settings.rungs, self.L
        best = self.f.energy.view(L, K).amin(1).tolist()
        for l in range(L):
            if best[l] < self.lbest[l][0] - 0.05:
                self.lbest[l] = (best[l], self.it)
            elif self.it - self.lbest[l][1] > self.settings.patience:
                rows = torch.arange(l * K, (l + 1) * K, device=self.temps.device)
                p = self.mut.fresh(K, self.table)
                self.p.put_(rows, p)
                self.f.put_(rows, self.evaluated(p, self.groups[rows]))
                self.lbest[l] = (math.inf, self.it)
                self.restarts += 1
                for k in [k for k in self.best_by_size if k[0] == int(self.groups[l * K])]:
                    pass

    def swap(self):
        K = self.settings.rungs
        o = torch.arange(self.R, device=self.temps.device)
        lo = o[(o % K % 2 == self.it % 2) & (o % K < K - 1)]
        up = lo + 1
        e = self.f.energy.double()
        x = (1 / self.temps[lo] - 1 / self.temps[up]) * (e[lo] - e[up])
        a = self.draws.uniform(len(lo)).log() < x.nan_to_num(-1e9, 1e9, -1e9)
        i, j = lo[a], up[a]
        perm = o.clone()
        perm[i], perm[j] = j, i
        self.p, self.f = self.p.at(perm), self.f.at(perm)

    def hebb(self):
        k = self.f.energy.argsort()[: max(8, self.R // 4)]
        k = k[self.f.energy[k].isfinite()]
        if len(k):
            el = torch.unique(self.p.symbols[k], dim=0)
            self.pot.learn_(el, 0.1)

    def offer(self, prog, fits, groups):
        sizes = (self.energy.sizes(prog) + 2 * (fits.scale != 1) + 2 * (fits.shift != 0)).tolist()
        err, gr = fits.error.tolist(), groups.tolist()
        for i in fits.energy.argsort()[:6].tolist():
            if not math.isfinite(err[i]):
                continue
            s, g = sizes[i], gr[i]
            lim = min(
                (v[0] for (gg, k), v in self.best_by_size.items() if gg == g and k <= s),
                default=math.inf,
            )
            if err[i] < 0.95 * lim:
                self.best_by_size = {
                    k: v
                    for k, v in self.best_by_size.items()
                    if not (k[0] == g and k[1] >= s and v[0] >= err[i])
                }
                self.best_by_size[g, s] = (
                    err[i],
                    prog.symbols[i].tolist(),
                    prog.gains[i].double().tolist(),
                    float(fits.scale[i]),
                    float(fits.shift[i]),
                )
        hot = {k: v for k, v in self.best_by_size.items() if (k, v[0]) not in self.seen}
        exact = [k for k, v in hot.items() if v[0] < 1e-9]
        if not exact and self.it % 5:
            return
        for k in (
            exact
            or sorted(hot, key=lambda k: hot[k][0] * math.exp(2 * self.energy.node * k[1]))[:2]
        ):
            e, sy, ga, a, b = hot[k]
            self.seen.add((k, e))
            ex = self.alphabet.expression(sy, ga)
            if a != 1:
                ex = a * ex
            if b != 0:
                ex = ex + b
            self.front.propose(self.tr[k[0]].back(ex), "chains")
