namespace IsolatedAgents.Benchmarks;

/// <summary>A ratio and where it lies with 95 % confidence.</summary>
internal readonly record struct RatioEstimate(double Median, double Low, double High);

/// <summary>Medians, and how sure they are. Nothing is assumed about how times are distributed.</summary>
internal static class Statistics
{
    private const int Resamples = 10_000;

    // The same runs give the same interval.
    private const int Seed = 2026;

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /// <summary>The median of pairwise ratios, with a percentile bootstrap over the pairs.</summary>
    public static RatioEstimate Ratio(IReadOnlyList<double> ratios)
    {
        Random random = new(Seed);
        double[] medians = new double[Resamples];
        double[] sample = new double[ratios.Count];
        for (int i = 0; i < Resamples; i++)
        {
            for (int j = 0; j < sample.Length; j++)
            {
                sample[j] = ratios[random.Next(ratios.Count)];
            }

            medians[i] = Median(sample);
        }

        Array.Sort(medians);
        return new RatioEstimate(Median(ratios), medians[(int)(Resamples * 0.025)], medians[(int)(Resamples * 0.975)]);
    }
}
