using Stoker.Core.Models;
using Stoker.Engine;
using Stoker.Engine.Chat;
using Stoker.Engine.Decoding;
using Stoker.Engine.Protocol;

namespace Stoker.Tests.Engine.Chat;

public sealed class RequestDefaultsTests
{
    private static readonly ModelDefaults Published = new() { Temperature = 0.6f, TopK = 20, Stop = ["<|end|>"], Seed = 5, ContextTokens = 4096 };

    [Fact]
    public void Apply_RequestSaysNothing_ThePublisherDoes()
    {
        var request = RequestDefaults.Apply(new GenerationRequest { Text = "x" }, Published);
        Assert.Equal((0.6f, 20, 5u), (request.Sampling.Temperature, request.Sampling.TopK, request.Sampling.Seed));
        Assert.Equal(["<|end|>"], request.Stop);
        Assert.Null(request.Sampling.MinP);
    }

    [Fact]
    public void Apply_RequestsOwnValues_Win()
    {
        var asked = new GenerationRequest { Text = "x", Stop = ["mine"], Sampling = new SamplingOptions { Temperature = 0, TopK = 0, Seed = 1 } };
        var request = RequestDefaults.Apply(asked, Published);
        Assert.Equal((0f, 0, 1u), (request.Sampling.Temperature, request.Sampling.TopK, request.Sampling.Seed));
        Assert.Equal(["mine"], request.Stop);
    }

    [Fact]
    public void Apply_AnAnswerThatGoesOn_WhatItBeganWithComesFirst()
    {
        var request = RequestDefaults.Apply(new GenerationRequest { Session = "s", Continue = true, Sampling = new SamplingOptions { TopK = 9 } }, Published);
        Assert.Equal(new SamplingOptions { TopK = 9 }, request.Sampling);
        Assert.Empty(request.Stop);
        Assert.Equal((0.6f, 20, 5u), (request.ModelSampling!.Temperature, request.ModelSampling.TopK, request.ModelSampling.Seed));
        Assert.Equal(["<|end|>"], request.ModelStop);
    }

    [Fact]
    public void Apply_PublishersNonsense_IsLeftOut()
    {
        var odd = new ModelDefaults
        {
            Temperature = -3, TopP = 7, MinP = float.NaN, RepeatPenalty = 0, RepeatLastN = -9, TopK = -1, PresencePenalty = 99, FrequencyPenalty = -99,
            Stop = ["", new string('x', 300), .. Enumerable.Range(0, 40).Select(static i => $"stop{i}")],
        };
        var request = RequestDefaults.Apply(new GenerationRequest { Text = "x" }, odd);
        Assert.Equal(new SamplingOptions(), request.Sampling);
        Assert.Equal(GenerationChecks.MaxStops, request.Stop.Count);
        GenerationChecks.Check(request);
    }

    [Fact]
    public void Apply_LoadOptions_RequestThenPublisherThenConfiguration()
    {
        var configured = new LoadOptions { ContextTokens = 1, Threads = 2, Repack = false };
        Assert.Equal(new LoadOptions { ContextTokens = 4096, Threads = 2, Repack = false }, RequestDefaults.Apply(null, Published, configured));
        Assert.Equal(new LoadOptions { ContextTokens = 9, Threads = 3, Repack = false }, RequestDefaults.Apply(new LoadOptions { ContextTokens = 9, Threads = 3 }, Published, configured));
        Assert.Equal(configured, RequestDefaults.Apply(null, null, configured));
    }
}
