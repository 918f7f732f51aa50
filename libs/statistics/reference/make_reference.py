"""Makes reference.json: the values that libs/statistics must agree with to 1e-9 relative.

    python3 -m venv venv && venv/bin/pip install scipy==1.17.1 statsmodels==0.15.0 mpmath==1.4.1
    venv/bin/python make_reference.py > reference.json

Tests and intervals come from scipy and statsmodels. Far tails, where a double-precision library may lose digits or
underflow, come from mpmath at 60 digits; where scipy has an answer the script requires it to agree.
"""
import json
import math
import sys

import mpmath as mp
import numpy as np
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest

mp.mp.dps = 60


def agree(exact, other, what, tolerance=1e-9):
    other = float(other)
    if other == 0 or not math.isfinite(other) or abs(other) < 1e-290:
        return
    if abs(float(exact) - other) > tolerance * abs(other):
        raise SystemExit(f'{what}: mpmath {float(exact)!r}, scipy {other!r}')


def normal_sf(z):
    return mp.erfc(mp.mpf(z) / mp.sqrt(2)) / 2


def student_sf(t, df):
    t, df = mp.mpf(t), mp.mpf(df)
    tail = mp.betainc(df / 2, mp.mpf('0.5'), 0, df / (df + t * t), regularized=True) / 2 if df < 1e6 else student_sf_large(t, df)
    return tail if t > 0 else 1 - tail


def student_sf_large(t, df):
    log_c = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2
    density = lambda x: mp.exp(log_c - (df + 1) / 2 * mp.log1p(x * x / df))
    t = abs(t)
    scale = 1 / max(t, 1)
    return mp.quad(density, [t + k * scale for k in (0, 1, 2, 4, 8, 16, 32, 64, 128)])


def chi_sf(x, df):
    x, df = mp.mpf(x), mp.mpf(df)
    if df < 1e4:
        return mp.gammainc(df / 2, x / 2, mp.inf, regularized=True)
    a, y = df / 2, x / 2
    density = lambda u: mp.exp((a - 1) * mp.log(u) - u - mp.loggamma(a))
    s = mp.sqrt(a)
    return mp.quad(density, [y + k * s / 4 for k in range(0, 80)])


def distributions():
    rows = {'normal': [], 'student': [], 'chiSquare': []}
    for z in [-8, -3.3, -1, -1e-8, 0, 1e-8, 0.1, 0.5, 0.6744897501960817, 1, 1.2, 1.7, 1.96, 2.5758, 3, 5, 8.3, 12, 20, 30, 37, 37.5, 50, 100, 1000, 1e5]:
        sf = normal_sf(z)
        agree(mp.log(sf), stats.norm.logsf(z), f'normal {z}')
        rows['normal'].append([z, float(mp.log(sf))])
    for df in [0.5, 1, 1.5, 2, 3, 4.7, 10, 29.3, 100, 1234.5, 1e5, 1e8]:
        for t in [-3, -0.5, 1e-6, 0.3, 0.9, 1, 1.5, 2.2, 4, 9, 25, 36, 300, 1e6, 1e40]:
            if df >= 1e6 and (t < 0 or t > 40 or t < 0.1):
                continue
            sf = student_sf(t, df)
            if sf == 0 or mp.log(sf) < -1e6:
                continue
            agree(sf, stats.t.sf(t, df), f'student {t} {df}')
            rows['student'].append([t, df, float(mp.log(sf))])
    for df in [1, 2, 3, 5, 10, 19, 99.5, 1000, 1e5]:
        for ratio in [1e-3, 0.2, 0.7, 1, 1.02, 1.3, 2, 5, 20, 60, 300]:
            x = df * ratio
            if df > 1e4 and not 0.99 <= ratio <= 1.1:
                continue
            sf = chi_sf(x, df)
            agree(sf, stats.chi2.sf(x, df), f'chi {x} {df}')
            rows['chiSquare'].append([x, df, float(mp.log(sf))])
    rows['chiSquare'].append([1400.0, 1.0, float(mp.log(chi_sf(1400, 1)))])
    return rows


def polished(sf, tail, start):
    """A quantile of scipy, refined at 60 digits on the logarithm of the tail."""
    f = lambda x: mp.log(sf(x)) - mp.log(mp.mpf(tail))
    before, root = mp.mpf(float(start)) * (1 + mp.mpf('1e-7')), mp.mpf(float(start))
    for _ in range(12):
        if root == before or abs(f(root)) < mp.mpf('1e-40'):
            break
        before, root = root, root - f(root) * (root - before) / (f(root) - f(before))
    agree(root, start, f'quantile {tail}', 1e-8)
    return float(root)


def quantiles():
    tails = [0.9, 0.6, 0.4999, 0.3, 0.1, 0.05, 0.025, 0.005, 1e-6, 1e-12, 1e-50, 1e-300]
    rows = {'normal': [[q, polished(normal_sf, q, stats.norm.isf(q))] for q in tails], 'student': [], 'chiSquare': []}
    for df in [1, 2.5, 7, 30, 555.5]:
        for q in [0.9, 0.4, 0.1, 0.025, 0.0005, 1e-10, 1e-100]:
            rows['student'].append([q, df, polished(lambda t: student_sf(t, df), q, stats.t.isf(q, df))])
    for df in [1, 2, 7.5, 40]:
        for q in [0.99, 0.5, 0.05, 0.001, 1e-12, 1e-100]:
            rows['chiSquare'].append([q, df, polished(lambda x: chi_sf(x, df), q, stats.chi2.isf(q, df))])
    return rows


PROPORTIONS = [
    (45, 200, 60, 210), (120, 1000, 100, 1000), (5120, 100000, 4880, 100000), (999000, 2000000, 1001000, 2000000), (900, 1000, 100, 1000),
    (7, 20, 15, 30), (60000, 100000, 40000, 100000), (50, 100, 50, 100), (33, 5000, 61, 20000), (30, 100000, 400, 100000),
]


def proportions():
    rows = []
    for x1, n1, x2, n2 in PROPORTIONS:
        z, _ = proportions_ztest([x1, x2], [n1, n2])
        log_p = float(mp.log(2 * normal_sf(abs(z))))
        low, high = confint_proportions_2indep(x1, n1, x2, n2, method='wald', compare='diff', alpha=0.05)
        rows.append({'first': [x1, n1], 'second': [x2, n2], 'z': float(z), 'logP': log_p, 'interval': [low, high]})
    return rows


def single_and_newcombe():
    wilson, newcombe = [], []
    for x, n in [(0, 10), (1, 10), (10, 10), (0, 1), (37, 100), (0, 1000000), (999999, 1000000), (123, 45678)]:
        for alpha in [0.05, 0.001]:
            low, high = proportion_confint(x, n, alpha=alpha, method='wilson')
            wilson.append({'proportion': [x, n], 'alpha': alpha, 'interval': [max(0.0, low) if x else 0.0, 1.0 if x == n else high]})
    for x1, n1, x2, n2 in [(0, 100, 10, 100), (10, 100, 0, 100), (56, 70, 48, 80), (9, 10, 3, 10), (10, 10, 0, 20), (1, 100000, 7, 100000)]:
        low, high = confint_proportions_2indep(x1, n1, x2, n2, method='newcomb', compare='diff', alpha=0.05)
        newcombe.append({'first': [x1, n1], 'second': [x2, n2], 'interval': [low, high]})
    return wilson, newcombe


def fisher():
    tables = [(0, 100, 10, 90), (0, 10, 0, 10), (10, 0, 0, 10), (3, 1, 1, 3), (8, 2, 1, 5), (0, 100, 0, 100), (1, 999999, 12, 999988),
              (100, 2, 1000, 5), (0, 500, 400, 100), (2, 7, 8, 2), (0, 1, 1, 0), (0, 3000, 600, 2400)]
    rows = []
    for a, c, b, d in tables:
        n1, n2, k = a + c, b + d, a + b
        weights = [mp.binomial(n1, i) * mp.binomial(n2, k - i) for i in range(max(0, k - n2), min(k, n1) + 1)]
        observed = mp.binomial(n1, a) * mp.binomial(n2, b)
        p = sum(w for w in weights if w <= observed * (1 + mp.mpf('1e-12'))) / sum(weights)
        agree(p, stats.fisher_exact([[a, b], [c, d]])[1], f'fisher {a, b, c, d}', 1e-8)
        rows.append({'successes': [a, b], 'failures': [c, d], 'logP': float(mp.log(p))})
    return rows


def exact_moments(values):
    mean = mp.fsum(map(mp.mpf, values)) / len(values)
    return mean, mp.fsum((mp.mpf(v) - mean) ** 2 for v in values) / (len(values) - 1)


def welch():
    samples = [
        ([27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4],
         [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.1]),
        ([3.0, 4.0, 1.0, 2.1], [490.2, 340.0, 433.9]),
        ([1e6 + 1, 1e6 + 2, 1e6 + 3, 1e6 + 4.5], [1e6 + 2, 1e6 + 3.5, 1e6 + 9]),
        ([1.0, 2.0], [5.0, 5.0, 5.0]),
        ([0.0, 0.0, 0.0, 1e-9], [1e-9, 2e-9, 5e-9]),
    ]
    rows = []
    for one, two in samples:
        (m1, v1), (m2, v2) = exact_moments(one), exact_moments(two)
        e1, e2 = v1 / len(one), v2 / len(two)
        difference, error = m1 - m2, mp.sqrt(e1 + e2)
        df = (e1 + e2) ** 2 / (e1**2 / (len(one) - 1) + e2**2 / (len(two) - 1))
        result = stats.ttest_ind(np.array(one) - float(m2), np.array(two) - float(m2), equal_var=False)
        agree(difference / error, result.statistic, f'welch {one}', 1e-6)
        agree(df, result.df, f'welch df {one}', 1e-6)
        radius = polished(lambda t: student_sf(t, df), 0.025, stats.t.isf(0.025, float(df))) * error
        rows.append({'first': one, 'second': two, 't': float(difference / error), 'df': float(df),
                     'logP': float(mp.log(2 * student_sf(abs(difference / error), df))), 'interval': [float(difference - radius), float(difference + radius)]})
    return rows


def welch_summaries():
    rows = []
    for m1, s1, n1, m2, s2, n2 in [(10.3, 2.0, 500, 10.0, 2.5, 700), (1.0, 0.1, 2000, 0.9, 0.11, 1800), (5.0, 1.0, 10**7, 5.001, 1.1, 10**7), (0.5, 1e-4, 30, 0.4, 2e-4, 40)]:
        result = stats.ttest_ind_from_stats(m1, s1, n1, m2, s2, n2, equal_var=False)
        v1, v2 = mp.mpf(s1) ** 2 / n1, mp.mpf(s2) ** 2 / n2
        t = (mp.mpf(m1) - mp.mpf(m2)) / mp.sqrt(v1 + v2)
        df = (v1 + v2) ** 2 / (v1**2 / (n1 - 1) + v2**2 / (n2 - 1))
        agree(t, result.statistic, 'welch t')
        log_p = mp.log(2 * student_sf(abs(t), df))
        agree(mp.exp(log_p), result.pvalue, 'welch p', 1e-8)
        rows.append({'first': [m1, s1, n1], 'second': [m2, s2, n2], 't': float(t), 'df': float(df), 'logP': float(log_p)})
    return rows


def chi_square_fit():
    rows = []
    for counts, weights in [([5100, 4900], [5000, 5000]), ([100, 200, 300], [1, 2, 3]), ([101, 230, 269], [1, 2, 3]), ([50500000, 49500000], [1, 1]), ([0, 3], [1, 1]), ([9000, 1200, 10], [90, 9.5, 0.5])]:
        total, whole = sum(counts), sum(weights)
        result = stats.chisquare(counts, [total * w / whole for w in weights])
        log_p = mp.log(chi_sf(result.statistic, len(counts) - 1))
        alpha = [mp.mpf(1000) * mp.mpf(w) / mp.mpf(whole) for w in weights]
        log_bf = sum(mp.loggamma(a + c) - mp.loggamma(a) - c * mp.log(mp.mpf(w) / mp.mpf(whole)) for a, c, w in zip(alpha, counts, weights))
        log_bf += mp.loggamma(1000) - mp.loggamma(1000 + total)
        rows.append({'counts': counts, 'weights': weights, 'chiSquare': float(result.statistic), 'logP': float(log_p), 'logSequentialP': float(min(mp.mpf(0), -log_bf))})
    return rows


def anytime():
    """The published formulas, term by term, at 60 digits."""
    rows = []
    for effect, se, n, planned, alpha in [(0.02, 0.005, 4000, 5000, 0.05), (-3.0, 0.4, 120, 1000, 0.01), (0.0, 1.0, 10, 10, 0.05), (1e-6, 1e-7, 10**9, 10**6, 0.05), (40.0, 1.0, 500, 500, 0.1)]:
        effect_, se_, n_, a = mp.mpf(effect), mp.mpf(se), mp.mpf(n), mp.mpf(alpha)
        rho = mp.sqrt((-2 * mp.log(a) + mp.log(-2 * mp.log(a) + 1)) / planned)
        sigma = se_ * mp.sqrt(n_)
        radius = sigma * mp.sqrt(2 * (n_ * rho**2 + 1) / (n_**2 * rho**2) * mp.log(mp.sqrt(n_ * rho**2 + 1) / a))
        log_p = mp.log(mp.sqrt(n_ * rho**2 + 1)) - (effect_ / sigma) ** 2 * n_**2 * rho**2 / (2 * (n_ * rho**2 + 1))
        tau, v = mp.mpf('0.3'), se_**2
        sprt = -mp.log(mp.sqrt(v / (v + tau**2)) * mp.exp(tau**2 * effect_**2 / (2 * v * (v + tau**2))))
        rows.append({'value': effect, 'standardError': se, 'sampleCount': n, 'tightestAt': planned, 'alpha': alpha,
                     'interval': [float(effect_ - radius), float(effect_ + radius)], 'logP': float(min(mp.mpf(0), log_p)),
                     'tau': 0.3, 'logSprtP': float(min(mp.mpf(0), sprt))})
    return rows


def lifts():
    rows = []
    for a, sa, b, sb in [(1.1, 0.02, 1.0, 0.03), (0.0, 0.1, 2.0, 0.2), (-3.0, 0.1, -2.0, 0.2), (1e-9, 1e-11, 2e-9, 3e-11)]:
        a_, sa_, b_, sb_ = map(mp.mpf, (a, sa, b, sb))
        rows.append({'first': [a, sa], 'second': [b, sb], 'value': float(a_ / b_ - 1), 'standardError': float(mp.sqrt(sa_**2 / b_**2 + a_**2 * sb_**2 / b_**4))})
    return rows


def moments():
    values = [1e9 + 0.1, 1e9 - 2.5, 1e9 + 7.25, 3.0, -4.5, 1e-3]
    mean, variance = exact_moments(values)
    return {'values': values, 'mean': float(mean), 'variance': float(variance)}


if __name__ == '__main__':
    wilson, newcombe = single_and_newcombe()
    tables = {
        'madeBy': f'make_reference.py with scipy {__import__("scipy").__version__}, statsmodels {__import__("statsmodels").__version__}, mpmath {mp.__version__}',
        'distributions': distributions(), 'quantiles': quantiles(), 'proportions': proportions(), 'wilson': wilson, 'newcombe': newcombe,
        'fisher': fisher(), 'welch': welch(), 'welchSummaries': welch_summaries(), 'chiSquareFit': chi_square_fit(), 'anytime': anytime(),
        'lifts': lifts(), 'moments': moments(),
    }
    lines = [f' {json.dumps(name)}: {json.dumps(rows)}' for name, rows in tables.items()]
    sys.stdout.write('{\n' + ',\n'.join(lines) + '\n}\n')
